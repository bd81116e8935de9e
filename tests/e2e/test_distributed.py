"""W ranks with batch B/W follow one rank with batch B (CPU, gloo)."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp
from mmengine.config import Config

from mmlatte.apis import build_runner, leave_process_group

pytestmark = pytest.mark.stack

REPO = Path(__file__).resolve().parents[2]


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return str(probe.getsockname()[1])


def shell(run, script, *arguments, check=True):
    """Run a shell tool on the config as a user would."""
    python = str(Path(sys.executable).parent)
    env = {
        **os.environ,
        'PATH': f'{python}:{os.environ["PATH"]}',
        'OMP_NUM_THREADS': '1',
        'PORT': free_port(),
    }
    done = subprocess.run(
        ['bash', str(REPO / 'tools' / script), str(run.config), *arguments],
        cwd=run.folder,
        env=env,
        capture_output=True,
        text=True,
    )
    if check and done.returncode:
        raise AssertionError(done.stdout[-4000:] + done.stderr[-4000:])
    return done


LABEL_FREE = """
_base_ = ['./tiny.py']
default_hooks = dict(
    label_free_schedule=dict(
        type='mmlatte.LabelFreeScheduleHook', steps=2, first=0.01, last=50.0))
"""


def join(rank, ranks, port, config, work_dir):
    """Make this process one of a run; return its config."""
    torch.set_num_threads(1)
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(ranks),
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=port,
    )
    cfg = Config.fromfile(config)
    cfg.work_dir = work_dir
    cfg.launcher = 'pytorch'
    cfg.train_dataloader.batch_size = 12 // ranks
    return cfg


def train_rank(rank, ranks, port, config, work_dir, dtype):
    """One process of a run; forked, so that imports cost nothing."""
    torch.set_default_dtype(dtype)
    cfg = join(rank, ranks, port, config, work_dir)
    cfg.train_cfg.update(max_epochs=10, val_interval=10)
    cfg.param_scheduler.end = 10
    cfg.default_hooks.checkpoint.interval = 10
    build_runner(cfg).train()


def train(run, ranks, dtype):
    """Train on some ranks; return the final state and the losses."""
    work_dir = run.folder / f'{ranks}_ranks'
    mp.start_processes(
        train_rank,
        args=(ranks, free_port(), str(run.config), str(work_dir), dtype),
        nprocs=ranks,
        start_method='fork',
    )
    checkpoint = torch.load(work_dir / 'epoch_10.pth', weights_only=True)
    log = checkpoint['message_hub']['log_scalars']['train/loss']['log']['data']
    state = checkpoint['state_dict']
    for name, bias in state.items():
        # The bias of attention's keys has no gradient but rounding errors,
        # of which Adam makes steps of full length.
        if dtype == torch.float32 and name.endswith('attn.in_proj_bias'):
            bias.view(3, -1)[1] = 0
    return state, log


@pytest.mark.parametrize(
    ('dtype', 'tolerance'), [(torch.float64, 1e-9), (torch.float32, 1e-5)]
)
def test_ranks_follow_one_process(make_tiny_run, dtype, tolerance):
    # 15 images: every second global batch holds 3, one rank of four is empty.
    run = make_tiny_run()
    state, losses = train(run, 1, dtype)
    assert len(losses) == 20
    for ranks in (2, 4):
        other, other_losses = train(run, ranks, dtype)
        torch.testing.assert_close(
            other_losses, losses, rtol=tolerance, atol=tolerance
        )
        for key, value in state.items():
            assert value.dtype == dtype or not value.is_floating_point()
            torch.testing.assert_close(
                other[key], value, rtol=0, atol=tolerance, msg=key
            )


def terminated_rank(rank, ranks, port, config, work_dir):
    """One process of a run; the last one gets a SIGTERM in the second step."""
    runner = build_runner(join(rank, ranks, port, config, work_dir))
    step = runner.model.train_step

    def train_step(*args, **kwargs):
        if rank == ranks - 1 and runner.iter == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(*args, **kwargs)

    runner.model.train_step = train_step
    try:
        runner.train()
    except SystemExit as stop:
        Path(work_dir, f'left_{rank}').write_text(f'{stop.code} {runner.iter}')


def test_a_sigterm_to_one_rank_stops_all_at_one_step(make_tiny_run):
    run = make_tiny_run()
    work_dir = run.folder / 'terminated'
    mp.start_processes(
        terminated_rank,
        args=(2, free_port(), str(run.config), str(work_dir)),
        nprocs=2,
        start_method='fork',
    )
    for rank in range(2):
        assert (work_dir / f'left_{rank}').read_text() == '143 2'
    assert [path.name for path in work_dir.glob('*.pth')] == ['iter_2.pth']


def plain_rank(rank, ranks, port, config, work_dir):
    """One process of a run as its config says."""
    build_runner(join(rank, ranks, port, config, work_dir)).train()


def both(run, config):
    """Train on one rank and on two; return the work dirs."""
    work_dirs = []
    for ranks in (1, 2):
        work_dirs.append(run.folder / f'{ranks}_ranks')
        mp.start_processes(
            plain_rank,
            args=(ranks, free_port(), str(config), str(work_dirs[-1])),
            nprocs=ranks,
            start_method='fork',
        )
    return work_dirs


def leaving_rank(rank, ranks, port, config, work_dir):
    """One process of a run, which then leaves; it notes its threads."""
    plain_rank(rank, ranks, port, config, work_dir)
    for when in ('before', 'after'):
        threads = Path('/proc/self/task').glob('*/comm')
        names = ' '.join(thread.read_text().strip() for thread in threads)
        Path(work_dir, f'{when}_{rank}').write_text(names)
        if when == 'before':
            leave_process_group()


@pytest.mark.skipif(sys.platform != 'linux', reason='threads are in /proc')
def test_a_rank_that_leaves_has_no_thread_that_could_abort_it(make_tiny_run):
    run = make_tiny_run()
    mp.start_processes(
        leaving_rank,
        args=(2, free_port(), str(run.config), str(run.work_dir)),
        nprocs=2,
        start_method='fork',
    )
    for rank in range(2):
        assert 'gloo' in (run.work_dir / f'before_{rank}').read_text()
        assert 'gloo' not in (run.work_dir / f'after_{rank}').read_text()


def test_ranks_fit_what_one_fits(make_tiny_run):
    run = make_tiny_run()
    config = run.write_fit('gda.py', 'GDAClassifier')
    one, two = (
        torch.load(folder / 'epoch_1.pth', weights_only=True)['state_dict']
        for folder in both(run, config)
    )
    assert one['weight'].abs().sum() > 0
    torch.testing.assert_close(two['weight'], one['weight'])
    torch.testing.assert_close(two['bias'], one['bias'])


def test_ranks_find_the_learning_rate_of_one(make_tiny_run):
    run = make_tiny_run()
    config = run.folder / 'label_free.py'
    config.write_text(LABEL_FREE)
    one, two = (
        json.loads((folder / 'label_free_schedule.json').read_text())
        for folder in both(run, config)
    )
    assert len(one['paths']) > 1 and one['lr'] > 0
    assert two['paths'] == pytest.approx(one['paths'])
    assert two['agreement'] == pytest.approx(one['agreement'])
    assert two['lr'] == pytest.approx(one['lr'])
    assert two['epochs'] == pytest.approx(one['epochs'])


def test_launch_scripts(make_tiny_run):
    run = make_tiny_run()
    shell(run, 'dist_train.sh', '2', '--cfg-options', 'train_cfg.max_epochs=1')
    summary = run.summary
    assert summary['texts'] == dict(made=30, reused=0, failed=0)
    checkpoint = str(run.work_dir / 'epoch_1.pth')
    shell(run, 'dist_test.sh', checkpoint, '2', '--out', 'result.json')
    assert (run.folder / 'result.json').exists()
