"""Killed and resumed, a run ends with the bits of the uninterrupted one."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook

from mmlatte.apis import build_runner
from mmlatte.engine import find_resumable_checkpoint
from mmlatte.engine.frozen.feature_cache import FeatureCache
from mmlatte.lmm import TextStore
from mmlatte.registry import HOOKS

pytestmark = pytest.mark.stack


@HOOKS.register_module()
class NoisyScale(Hook):
    """Stands for dropout: every step draws from the main generator."""

    def before_train_iter(self, runner, *args, **kwargs):
        scale = runner.model.clip.logit_scale
        scale.data += 1e-2 * torch.randn(())


@HOOKS.register_module()
class DieAfterStep(Hook):
    """Kills the process after a step, before anything is saved."""

    def __init__(self, iteration):
        self.iteration = iteration

    def after_train_iter(self, runner, *args, **kwargs):
        if runner.iter == self.iteration:
            die()


@HOOKS.register_module()
class TerminateGroup(Hook):
    """Sends SIGTERM to the whole process group after the first step."""

    def after_train_iter(self, runner, *args, **kwargs):
        if runner.iter == 0:
            # By another process: of their parent torch's workers expect it.
            kill = f'import os; os.killpg({os.getpgrp()}, {signal.SIGTERM})'
            subprocess.run(
                [sys.executable, '-c', kill],
                start_new_session=True,
                check=True,
            )
            time.sleep(1)  # a worker's death would arrive here


def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)


def die_while_saving(count):
    """Kill the process when it is about to rename its n-th checkpoint."""
    replace, saved = os.replace, []

    def replace_or_die(source, target):
        if str(target).endswith('.pth'):
            saved.append(target)
            if len(saved) == count:
                os.truncate(source, os.path.getsize(source) // 2)
                die()
        replace(source, target)

    os.replace = replace_or_die


def train(run, work_dir, kill=None):
    """Train or go on training, as ``tools/train.py --resume`` does."""
    torch.set_num_threads(1)
    cfg = Config.fromfile(run.config)
    cfg.launcher = 'none'
    cfg.work_dir = str(work_dir)
    cfg.default_hooks.zero_shot_label.cache_dir = str(work_dir / 'cache')
    cfg.default_hooks.zero_shot_label.chunk_size = 4
    cfg.default_hooks.text_synth.store_dir = str(work_dir / 'cache')
    cfg.train_cfg.update(max_epochs=3, val_interval=1)
    cfg.param_scheduler.end = 3
    cfg.train_dataloader.update(
        batch_size=4, num_workers=2, persistent_workers=True
    )
    cfg.default_hooks.checkpoint.update(
        by_epoch=False, interval=2, max_keep_ckpts=2
    )
    cfg.custom_hooks = [dict(type='NoisyScale')]
    if kill == 'zero-shot pass':
        write = FeatureCache.write

        def write_once(self, chunk, features):
            write(self, chunk, features)
            die()

        FeatureCache.write = write_once
    elif kill == 'text synthesis':
        TextStore.put = die
    elif kill == 'while saving':
        die_while_saving(2)
    elif kill == 'while deleting':
        os.remove = os.unlink = die
    elif kill == 'group':
        os.setpgid(0, 0)
        cfg.custom_hooks.append(dict(type='TerminateGroup'))
    elif isinstance(kill, int):
        cfg.custom_hooks.append(dict(type='DieAfterStep', iteration=kill))
    newest = find_resumable_checkpoint(cfg.work_dir)
    cfg.resume, cfg.load_from = newest is not None, newest
    build_runner(cfg).train()


def in_process(*args, seconds=None):
    """Run `train` in a fork; kill it after some seconds. Return exit code."""
    context = multiprocessing.get_context('fork')
    process = context.Process(target=train, args=args)
    process.start()
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode


def final_state(work_dir):
    checkpoint = torch.load(work_dir / 'iter_12.pth', weights_only=True)
    return checkpoint['state_dict']


@pytest.fixture
def whole(make_tiny_run):
    """The uninterrupted run, and how long it takes."""
    run = make_tiny_run('whole')
    start = time.monotonic()
    assert in_process(run, run.folder / 'work') == 0
    return final_state(run.folder / 'work'), time.monotonic() - start


def test_kill_and_resume_is_exact(make_tiny_run, whole):
    state, seconds = whole
    run = make_tiny_run('killed')
    work_dir = run.folder / 'work'
    for moment in (
        'zero-shot pass',
        'text synthesis',
        1,
        'while saving',
        6,
        'while deleting',
    ):
        code = in_process(run, work_dir, moment)
        assert code == -signal.SIGKILL, moment
    rng = random.Random(0)
    for _ in range(5):
        delay = rng.uniform(0, seconds)
        assert in_process(run, work_dir, seconds=delay) in (
            0,
            -signal.SIGKILL,
        )
    assert in_process(run, work_dir) == 0
    resumed = final_state(work_dir)
    assert resumed.keys() == state.keys()
    for key, value in state.items():
        assert torch.equal(resumed[key], value), key
    files = {path.name for path in work_dir.glob('*.pth')}
    assert files == {'iter_10.pth', 'iter_12.pth'}


def test_sigterm_to_the_group_spares_the_workers(make_tiny_run):
    run = make_tiny_run()
    work_dir = run.folder / 'work'
    assert in_process(run, work_dir, 'group') == 143
    assert [path.name for path in work_dir.glob('*.pth')] == ['iter_1.pth']


def test_poisoned_checkpoint_is_refused(make_tiny_run, tmp_path):
    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'ran'),)

    run = make_tiny_run()
    run.work_dir.mkdir(parents=True)
    meta = dict(epoch=1, iter=5, payload=Payload())
    path = run.work_dir / 'epoch_1.pth'
    torch.save(dict(meta=meta, optimizer={}, message_hub={}), path)
    done = run.tool('train.py', '--resume', check=False)
    assert done.returncode != 0
    assert 'MMLATTE_TRUST_PICKLE' in done.stderr
    assert not (tmp_path / 'ran').exists()
