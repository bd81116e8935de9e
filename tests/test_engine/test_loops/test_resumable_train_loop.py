import os
import signal
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlatte.engine import find_resumable_checkpoint
from mmlatte.registry import HOOKS


@HOOKS.register_module()
class KillAt(Hook):
    """Sends this process a SIGTERM after a step."""

    priority = 'VERY_HIGH'

    def __init__(self, iteration, stage='after_train_iter'):
        self.iteration, self.stage = iteration, stage

    def after_train_iter(self, runner, *args, **kwargs):
        if self.stage == 'after_train_iter' and runner.iter == self.iteration:
            os.kill(os.getpid(), signal.SIGTERM)

    def before_val(self, runner):
        if self.stage == 'before_val' and runner.iter == self.iteration:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def make(make_config):
    def config(work_dir, **options):
        cfg = make_config(work_dir=work_dir)
        cfg.train_cfg = dict(
            type='mmlatte.ResumableTrainLoop', max_epochs=2, val_interval=1
        )
        cfg.train_dataloader.batch_sampler = dict(
            type='mmlatte.GlobalBatchSampler'
        )
        # Something that draws from the generators of the main process.
        cfg.custom_hooks.append(dict(type='NoisyWeights'))
        cfg.merge_from_dict(options)
        return cfg

    return config


@HOOKS.register_module()
class NoisyWeights(Hook):
    """Stands for dropout: every step depends on the main generator."""

    def before_train_iter(self, runner, *args, **kwargs):
        scale = runner.model.clip.logit_scale
        scale.data += 1e-2 * torch.randn(())


def state_of(runner):
    return {k: v.clone() for k, v in runner.model.state_dict().items()}


def assert_same(a, b):
    assert a.keys() == b.keys()
    for key in a:
        assert torch.equal(a[key], b[key]), key


def resume(train, config):
    config.load_from = find_resumable_checkpoint(config.work_dir)
    config.resume = config.load_from is not None
    return train(config)


@pytest.fixture
def whole(train, make):
    """Final state of the uninterrupted run (2 epochs of 4 batches)."""
    return state_of(train(make('whole')))


@pytest.mark.parametrize('iteration', [0, 2, 3, 5])
def test_sigterm_saves_and_resume_is_exact(
    train, make, whole, tmp_path, iteration
):
    config = make('run')
    config.custom_hooks.append(dict(type='KillAt', iteration=iteration))
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as stop:
        train(config)
    assert stop.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before
    saved = tmp_path / 'run' / f'iter_{iteration + 1}.pth'
    assert find_resumable_checkpoint(config.work_dir) == str(saved)
    torch.load(saved, weights_only=True)

    config = make('run')
    assert_same(state_of(resume(train, config)), whole)
    assert not saved.exists()  # replaced by a regular checkpoint


def test_second_sigterm_in_an_epoch_replaces_the_first(
    train, make, whole, tmp_path
):
    for iteration in (0, 2):
        config = make('run')
        config.custom_hooks.append(dict(type='KillAt', iteration=iteration))
        with pytest.raises(SystemExit):
            resume(train, config)
        saved = tmp_path / 'run' / f'iter_{iteration + 1}.pth'
        assert list((tmp_path / 'run').glob('*.pth')) == [saved]
    assert_same(state_of(resume(train, make('run'))), whole)
    files = {path.name for path in (tmp_path / 'run').glob('*.pth')}
    assert files == {'epoch_1.pth', 'epoch_2.pth'}


def test_sigterm_during_evaluation_leaves_at_once(
    train, make, whole, tmp_path
):
    config = make('run')
    kill = dict(type='KillAt', iteration=4, stage='before_val')
    config.custom_hooks.append(kill)
    with pytest.raises(SystemExit):
        train(config)
    newest = find_resumable_checkpoint(config.work_dir)
    assert newest == str(tmp_path / 'run' / 'epoch_1.pth')
    assert_same(state_of(resume(train, make('run'))), whole)


def test_checkpoints_by_iteration_resume_exactly(train, make, whole, tmp_path):
    options = {
        'default_hooks.checkpoint.by_epoch': False,
        'default_hooks.checkpoint.interval': 1,
    }
    train(make('run', **options))
    for iteration in (1, 4, 7):
        config = make(f'resumed{iteration}', **options)
        config.load_from = str(tmp_path / 'run' / f'iter_{iteration}.pth')
        config.resume = True
        assert_same(state_of(train(config)), whole)


def test_evaluations_do_not_move_training(train, make, whole):
    config = make('run')
    for key in ('val_dataloader', 'val_evaluator', 'val_cfg'):
        config.pop(key)
    assert_same(state_of(train(config)), whole)


def test_random_seed_survives_resume(train, make, tmp_path):
    """Without a seed in the config, the checkpoint's order goes on."""
    config = make('run', **{'randomness.seed': None})
    first = state_of(train(config))
    config = make('again', **{'randomness.seed': None})
    config.load_from = str(tmp_path / 'run' / 'epoch_1.pth')
    config.resume = True
    assert_same(state_of(train(config)), first)


def test_sigterm_waits_for_the_accumulated_step(train, make, tmp_path):
    options = {'optim_wrapper.accumulative_counts': 2}
    whole = state_of(train(make('whole2', **options)))
    config = make('run', **options)
    config.custom_hooks.append(dict(type='KillAt', iteration=2))
    with pytest.raises(SystemExit):
        train(config)
    newest = find_resumable_checkpoint(config.work_dir)
    assert newest == str(tmp_path / 'run' / 'iter_4.pth')
    assert_same(state_of(resume(train, make('run', **options))), whole)


def test_other_epoch_length_is_refused_inside_an_epoch(train, make, tmp_path):
    config = make('run', **{'default_hooks.checkpoint.by_epoch': False})
    train(config)
    config = make('other', **{'train_dataloader.batch_size': 8})
    config.load_from = str(tmp_path / 'run' / 'iter_2.pth')
    config.resume = True
    with pytest.raises(ValueError, match='inside epoch 1 of 4 batches'):
        train(config)


def log_of(runner):
    (file,) = Path(runner.log_dir).glob('*.log')
    return file.read_text()


@pytest.mark.parametrize('in_epochs', [True, False])
def test_schedule_follows_another_epoch_length(
    train, make, tmp_path, in_epochs
):
    def config(work_dir, batch_size):
        options = {
            'train_cfg.max_epochs': 5,
            'train_cfg.val_interval': 5,
            'train_dataloader.batch_size': batch_size,
            'optim_wrapper.accumulative_counts': 2,
            'param_scheduler.end': 5 if in_epochs else 20,
            'param_scheduler.warmup': 2,
        }
        if not in_epochs:
            options['param_scheduler.by_epoch'] = False
            options['param_scheduler.convert_to_iter_based'] = False
        return make(work_dir, **options)

    def rates(runner):
        return runner.message_hub.get_scalar('train/lr').data[0].tolist()

    train(config('run', 4))  # 4 batches per epoch
    fresh = train(config('fresh', 8))  # 2
    again = config('again', 8)
    again.load_from = str(tmp_path / 'run' / 'epoch_2.pth')
    again.resume = True
    resumed = train(again)
    assert 'had 4 batches' in log_of(resumed)
    assert len(rates(resumed)) == 8 + 6
    assert rates(resumed)[8:] == pytest.approx(rates(fresh)[4:])
    (scheduler,), (other,) = resumed.param_schedulers, fresh.param_schedulers
    for name in ('begin', 'end', 'total', 'period', 'warmup', 'last_step'):
        assert getattr(scheduler, name) == getattr(other, name), name
    wrapper = resumed.optim_wrapper
    assert wrapper._inner_count == wrapper._max_counts == 10


def test_other_schedulers_do_not_adapt_silently(train, make, tmp_path):
    def config(work_dir, batch_size):
        cfg = make(work_dir, **{'train_dataloader.batch_size': batch_size})
        cfg.param_scheduler = dict(
            type='CosineAnnealingLR',
            T_max=2,
            by_epoch=True,
            convert_to_iter_based=True,
        )
        return cfg

    train(config('run', 4))
    again = config('again', 8)
    again.load_from = str(tmp_path / 'run' / 'epoch_1.pth')
    again.resume = True
    said = log_of(train(again))
    assert 'CosineAnnealingLR still counts steps of epochs of 4' in said


def test_damaged_checkpoints_are_skipped(train, make, whole, tmp_path, caplog):
    train(make('run'))
    folder = tmp_path / 'run'
    newest, older = folder / 'epoch_2.pth', folder / 'epoch_1.pth'
    data = newest.read_bytes()
    for length in (len(data) - 1, len(data) // 2, 0):
        newest.write_bytes(data[:length])
        assert find_resumable_checkpoint(folder) == str(older)
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    newest.write_bytes(flipped)
    assert find_resumable_checkpoint(folder) == str(older)
    assert_same(state_of(resume(train, make('run'))), whole)


def test_poisoned_checkpoint_stops_the_search(tmp_path):
    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'ran'),)

    meta = dict(epoch=1, iter=1, payload=Payload())
    torch.save(
        dict(meta=meta, optimizer={}, message_hub={}), tmp_path / 'iter_1.pth'
    )
    with pytest.raises(RuntimeError, match='MMLATTE_TRUST_PICKLE'):
        find_resumable_checkpoint(tmp_path)
    assert not (tmp_path / 'ran').exists()


def test_nothing_to_resume(tmp_path, make):
    assert find_resumable_checkpoint(tmp_path / 'absent') is None
    torch.save(dict(state_dict={}), tmp_path / 'best_top1.pth')
    assert find_resumable_checkpoint(tmp_path) is None
    Runner.from_cfg(make('fresh'))
