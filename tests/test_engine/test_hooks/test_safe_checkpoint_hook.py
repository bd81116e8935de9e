import copy
import os

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner

from mmlatte.atomic_file import atomic_file
from mmlatte.engine.checkpoints.plain_data import from_plain, to_plain


def state_of(runner):
    state = runner.model.state_dict()
    return {key: value.clone() for key, value in state.items()}


def assert_same(a, b):
    assert a.keys() == b.keys()
    for key in a:
        assert torch.equal(a[key], b[key]), key


def test_checkpoints_load_with_weights_only(train, tmp_path):
    runner = train()
    path = tmp_path / 'run' / 'epoch_2.pth'
    checkpoint = torch.load(path, weights_only=True)
    assert {'state_dict', 'optimizer', 'message_hub', 'param_schedulers'} <= {
        *checkpoint
    }
    history = runner.message_hub.get_scalar('train/loss')
    saved = from_plain(checkpoint['message_hub'])['log_scalars']['train/loss']
    assert isinstance(saved, HistoryBuffer)
    assert saved.data[0].tolist() == history.data[0].tolist()
    last = (tmp_path / 'run' / 'last_checkpoint').read_text()
    assert last == str(path)


def test_resume_from_epoch_is_exact(train, make_config, tmp_path):
    whole = train(work_dir='whole')
    config = make_config(work_dir='resumed')
    config.load_from = str(tmp_path / 'whole' / 'epoch_1.pth')
    config.resume = True
    resumed = train(config)
    assert resumed.iter == whole.iter
    assert_same(state_of(whole), state_of(resumed))
    losses = [
        r.message_hub.get_scalar('train/loss').data[0].tolist()
        for r in (whole, resumed)
    ]
    assert losses[0] == losses[1]


def test_old_checkpoints_go_after_the_new_one_is_there(
    train, tmp_path, monkeypatch
):
    seen = []
    save = Runner.save_checkpoint

    def save_and_look(self, *args, **kwargs):
        save(self, *args, **kwargs)
        seen.append(sorted(p.name for p in (tmp_path / 'run').glob('*.pth')))

    monkeypatch.setattr(Runner, 'save_checkpoint', save_and_look)
    train(
        **{
            'train_cfg.max_epochs': 3,
            'default_hooks.checkpoint.max_keep_ckpts': 1,
        }
    )
    assert seen == [
        ['epoch_1.pth'],
        ['epoch_1.pth', 'epoch_2.pth'],
        ['epoch_2.pth', 'epoch_3.pth'],
    ]
    left = [p.name for p in (tmp_path / 'run').glob('*.pth')]
    assert left == ['epoch_3.pth']


def kept(folder):
    return {int(path.stem[5:]) for path in folder.glob('iter_*.pth')}


@pytest.mark.parametrize('keep', [3, 5])
def test_the_newest_checkpoints_are_kept(
    train, make_config, tmp_path, monkeypatch, keep
):
    seen = []
    save = Runner.save_checkpoint

    def save_and_look(self, *args, **kwargs):
        save(self, *args, **kwargs)
        seen.append(kept(tmp_path / 'run'))

    monkeypatch.setattr(Runner, 'save_checkpoint', save_and_look)
    options = {
        'default_hooks.checkpoint.by_epoch': False,
        'default_hooks.checkpoint.max_keep_ckpts': keep,
    }
    train(**options)
    # The oldest goes when the new one is there.
    assert seen == [set(range(max(1, n - keep), n + 1)) for n in range(1, 9)]
    assert kept(tmp_path / 'run') == set(range(9 - keep, 9))
    if keep == 3:
        return
    # Resumed from a list as earlier versions wrote it.
    path = tmp_path / 'run' / 'iter_8.pth'
    checkpoint = torch.load(path, weights_only=True)
    info = checkpoint['message_hub']['runtime_info']
    info['keep_ckpt_ids'] = [6, 7, 6, 7, 8]
    torch.save(checkpoint, path)
    config = make_config(**options)
    config.default_hooks.checkpoint.interval = 3
    config.load_from, config.resume = str(path), True
    train(config)
    assert {6, 7, 8, 9, 12} <= kept(tmp_path / 'run')


def test_failed_save_keeps_the_last_good_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / 'epoch_1.pth'
    path.write_bytes(b'good')
    with pytest.raises(OSError, match='disk'), atomic_file(path) as file:
        file.write(b'half of a new one')
        raise OSError('no space left on disk')
    monkeypatch.setattr(
        os, 'replace', lambda *_: (_ for _ in ()).throw(OSError('power cut'))
    )
    with pytest.raises(OSError, match='power'), atomic_file(path) as file:
        file.write(b'whole, but never renamed')
    assert path.read_bytes() == b'good'
    assert [p.name for p in tmp_path.iterdir()] == ['epoch_1.pth']


def test_plain_data_round_trip():
    value = dict(
        history=HistoryBuffer([1.0, 2.0], [1, 3]),
        array=np.arange(6, dtype=np.uint32).reshape(2, 3),
        names=np.array(['a', 'b']),
        number=np.float32(0.5),
        nested=[(1, 'x'), {2: None}],
    )
    plain = to_plain(copy.deepcopy(value), 'value')
    back = from_plain(plain)
    assert back['history'].data[0].tolist() == [1.0, 2.0]
    assert back['history'].data[1].tolist() == [1, 3]
    assert back['array'].dtype == np.uint32
    assert back['array'].tolist() == value['array'].tolist()
    assert back['names'].tolist() == ['a', 'b']
    assert back['number'] == 0.5
    assert back['nested'] == value['nested']
    with pytest.raises(TypeError, match=r'meta\.hook'):
        to_plain({'hook': object()}, 'meta')
