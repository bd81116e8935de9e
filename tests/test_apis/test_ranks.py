"""Processes that share work: what they do, and how they end."""

import os
import socket
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.config import Config

from mmlatte.apis import ranks as module
from mmlatte.apis.adapt.on_ranks import check_ranks
from mmlatte.apis.ranks import Ranks


def start(lead, folder):
    """Run ``lead(ranks, folder)`` on rank 0 of two; return exit codes."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = str(probe.getsockname()[1])
    context = mp.get_context('fork')
    both = [
        context.Process(target=one_of, args=(rank, port, lead, folder))
        for rank in range(2)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join()
    return [process.exitcode for process in both]


def one_of(rank, port, lead, folder):
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE='2',
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=port,
    )
    module.GRACE = 0.5
    at_exit = []
    module.atexit = SimpleNamespace(register=at_exit.append)
    works = dict(note=note, fail=fail, both=both_fail, stop=stop)
    try:
        with Ranks(works, 'pytorch') as ranks:
            if ranks.leads:
                lead(ranks, str(folder))
            else:
                ranks.follow()
    except ValueError as error:
        with open(folder / 'said', 'a') as file:
            file.write(f'{error}\n')
        raise SystemExit(1) from None
    finally:
        for leave in at_exit:  # which a forked process leaves out
            leave()


def note(folder, name):
    rank, size = dist.get_rank(), dist.get_world_size()
    Path(folder, f'{name}{rank}').write_text(str(size))
    return rank


def fail(folder):
    if dist.get_rank() == 1:
        raise ValueError('rank 1 fails')
    dist.barrier()


def both_fail(folder):
    raise ValueError('all fail')


def stop(folder):
    raise SystemExit(143)


def lead_well(ranks, folder):
    assert ranks.share('note', folder, 'first') == 0
    # What rank 0 does alone sees no other.
    assert not dist.is_initialized()
    assert ranks.share('note', folder, 'second') == 0


def lead_into_failure(ranks, folder):
    ranks.share('fail', folder)


def lead_into_common_failure(ranks, folder):
    ranks.share('both', folder)


def lead_into_a_stop(ranks, folder):
    ranks.share('stop', folder)


def fail_alone(ranks, folder):
    raise ValueError('rank 0 fails')


def leave_with_3(ranks, folder):
    raise SystemExit(3)


def test_all_ranks_do_what_one_shares(tmp_path):
    assert start(lead_well, tmp_path) == [0, 0]
    found = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert found == dict(first0='2', first1='2', second0='2', second1='2')


@pytest.mark.parametrize(
    'lead, said',
    [
        (lead_into_failure, 'rank 1 fails\n'),
        (lead_into_common_failure, 'all fail\n'),
        (fail_alone, 'rank 0 fails\n'),
    ],
)
def test_an_error_ends_all_with_one_message(lead, said, tmp_path):
    assert start(lead, tmp_path) == [1, 1]
    assert (tmp_path / 'said').read_text() == said


def test_others_end_with_the_exit_code_of_rank_0(tmp_path):
    assert start(leave_with_3, tmp_path) == [3, 3]
    assert start(lead_into_a_stop, tmp_path) == [143, 143]


def wait_for_ever(ranks, folder):
    ranks.works = dict(ranks.works, fail=lambda folder: time.sleep(3600))
    ranks.share('fail', folder)


def test_a_rank_that_waits_for_a_failed_one_ends(tmp_path):
    assert start(wait_for_ever, tmp_path) == [1, 1]
    assert (tmp_path / 'said').read_text() == 'rank 1 fails\n'


def test_bad_launches_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="launcher='mpi': choose from"):
        Ranks({}, 'mpi')
    for name in ('RANK', 'WORLD_SIZE', 'MASTER_ADDR'):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RuntimeError, match=r'without RANK.*torchrun'):
        Ranks({}, 'pytorch')
    monkeypatch.setattr(module.torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(module.torch.cuda, 'device_count', lambda: 2)
    monkeypatch.setenv('LOCAL_RANK', '2')
    with pytest.raises(ValueError, match='process 2 of this machine finds 2'):
        module._take_gpu()


@pytest.mark.parametrize(
    'batch, chosen, device, message',
    [
        (9, 9, 'cpu', 'batch_size=9 cannot be shared by 2 .* multiple of 2'),
        (9, None, 'cpu', r'batch_size=9 \(the default here\) cannot'),
        (8, 8, 'cuda:1', "device='cuda:1': every one of 2 processes"),
    ],
)
def test_what_ranks_cannot_share_is_refused(batch, chosen, device, message):
    ranks = Ranks({})
    ranks.size = 2
    cfg = Config(
        dict(
            train_cfg=dict(max_epochs=1),
            train_dataloader=dict(batch_size=batch),
        )
    )
    options = SimpleNamespace(batch_size=chosen, device=device)
    with pytest.raises(ValueError, match=message):
        check_ranks(ranks, cfg, options)
    cfg.train_cfg = dict(type='mmlatte.FitLoop')  # draws no batch
    check_ranks(ranks, cfg, SimpleNamespace(batch_size=None, device='cpu'))
