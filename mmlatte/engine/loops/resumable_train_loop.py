import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from mmengine.dist import all_reduce, get_rank, get_world_size
from mmengine.runner import EpochBasedTrainLoop, set_random_seed
from torch.distributed import new_group
from torch.utils.data import DataLoader

from mmlatte.datasets.samplers import GlobalBatchSampler
from mmlatte.engine.checkpoints.random_state import (
    preserved_random_state,
    set_random_state,
)
from mmlatte.registry import LOOPS

from ..find_hook import find_hook
from ..hooks import SafeCheckpointHook
from ..method_of import method_of
from ..schedulers import WarmupCosineLR
from .plain_dataloader import plain_dataloader

#: Exit code of a process that SIGTERM ended.
TERMINATED = 128 + signal.SIGTERM


@LOOPS.register_module()
class ResumableTrainLoop(EpochBasedTrainLoop):
    """mmengine's epoch loop, interruptible anywhere without a trace.

    - A run resumed from a checkpoint of `SafeCheckpointHook`, taken at the
      end or in the middle of an epoch, ends with the bits of the
      uninterrupted run.
    - On SIGTERM (clusters pre-empt) it finishes the step, saves and exits
      with code 143; a rerun with ``--resume`` goes on.
    - Random numbers of training start from the seed, whatever ran before it,
      and are not moved by evaluations.

    Exact resume needs a batch sampler that can skip (`GlobalBatchSampler`)
    and transforms that draw from the sample's own seed (`SeedPerSample`).
    Takes the arguments of ``EpochBasedTrainLoop``.
    """

    def __init__(self, runner, dataloader, *args, **kwargs) -> None:
        super().__init__(runner, plain_dataloader(dataloader), *args, **kwargs)

    def run(self) -> torch.nn.Module:
        """Train until the last epoch.

        Raises:
            SystemExit: With code 143 after SIGTERM.
        """
        runner = self.runner
        # Before the hooks: some start workers, which may persist.
        for loop in (self, runner.val_loop):
            if loop is not None:
                _shield_workers(loop.dataloader)
        if self._iter > 0:
            saved = runner.message_hub.get_info('batches_per_epoch')
            self._check_position(saved)
        runner.call_hook('before_train')
        self._terminated = False
        self._evaluating = False
        # Of the CPUs: reading a GPU's tensor would wait for its step.
        several = get_world_size() > 1
        self._hosts = new_group(backend='gloo') if several else None
        self._resume()
        if self.stop_training:  # before the first step: see `Method`
            method_of(runner, 'ResumableTrainLoop').adopt_fit()
        with self._catch_sigterm():
            while self._epoch < self._max_epochs and not self.stop_training:
                self.run_epoch()
                self._decide_current_val_interval()
                if self._evaluation_is_due():
                    self._evaluate()
        if self.stop_training:
            self._save_if_needed()
        runner.call_hook('after_train')
        return runner.model

    def run_epoch(self) -> None:
        """Train the batches of this epoch that are still to do."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        done = self._iter - self._epoch * len(self.dataloader)
        self._leave_if_terminated()
        for index, batch in enumerate(self._batches(done), start=done):
            self.run_iter(index, batch)
            self._leave_if_terminated()
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def _batches(self, done: int) -> Iterator:
        """Start the data loader behind the batches that are done."""
        # Even starting a loader draws a random number.
        with preserved_random_state():
            if done == 0:
                return iter(self.dataloader)
            sampler = self.dataloader.batch_sampler
            if isinstance(sampler, GlobalBatchSampler):
                sampler.skip_batches(done)
                return iter(self.dataloader)
            self.runner.logger.warning(
                f'Resuming inside an epoch: {done} batches are loaded and '
                'left out. mmlatte.GlobalBatchSampler skips them at no cost.'
            )
            batches = iter(self.dataloader)
            for _ in range(done):
                next(batches)
            return batches

    def _evaluation_is_due(self) -> bool:
        return (
            self.runner.val_loop is not None
            and self._epoch >= self.val_begin
            and (
                self._epoch % self.val_interval == 0
                or self._epoch == self._max_epochs
            )
        )

    def _evaluate(self) -> None:
        self._evaluating = True
        with preserved_random_state():
            self.runner.val_loop.run()
        self._evaluating = False

    def _resume(self) -> None:
        """Set seed and generators, for a fresh or resumed run."""
        hub = self.runner.message_hub
        batches = len(self.dataloader)
        sampler = self._seeded_sampler()
        if self._iter == 0:
            set_random_seed(self.runner.seed)
        else:
            self._set_generators(hub.get_info('random_state'))
            if sampler is not None:
                sampler.seed = hub.get_info('sampler_seed', sampler.seed)
        hub.update_info('batches_per_epoch', batches)
        if sampler is not None:
            hub.update_info('sampler_seed', sampler.seed)

    def _seeded_sampler(self):
        """Return the sampler that draws the order of an epoch, if any."""
        batch_sampler = self.dataloader.batch_sampler
        sampler = getattr(batch_sampler, 'sampler', None)
        return sampler if hasattr(sampler, 'seed') else None

    def _check_position(self, saved: int | None) -> None:
        """Go on at the same epoch if epochs have another length now.

        Args:
            saved (int, optional): Batches per epoch when it was saved.

        Raises:
            ValueError: If it was saved inside an epoch of another length.
        """
        batches = len(self.dataloader)
        if saved is None or saved == batches:
            return
        if self._iter != self._epoch * saved:
            raise ValueError(
                f'the checkpoint was saved at iteration {self._iter}, inside '
                f'epoch {self._epoch + 1} of {saved} batches; this run has '
                f'{batches} batches per epoch. Keep data and global batch '
                'size, or resume from the end of an epoch (epoch_N.pth)'
            )
        self._iter = self._epoch * batches
        runner = self.runner
        runner.optim_wrapper.initialize_count_status(
            runner.model, self._iter, self._max_iters
        )
        others = set()
        for scheduler in self._schedulers():
            if isinstance(scheduler, WarmupCosineLR):
                scheduler.change_epoch_length(saved, batches, self._iter)
            elif not scheduler.by_epoch:
                others.add(type(scheduler).__name__)
        if others:
            runner.logger.warning(
                f'{", ".join(sorted(others))} still counts steps of epochs of '
                f'{saved} batches; mmlatte.WarmupCosineLR adapts.'
            )
        runner.logger.warning(
            f'Epochs had {saved} batches when the checkpoint was saved and '
            f'have {batches} now; going on at iteration {self._iter}.'
        )

    def _schedulers(self) -> list:
        """Return all schedulers, of one optimizer or of several."""
        schedulers = self.runner.param_schedulers or []
        if isinstance(schedulers, dict):
            return [s for group in schedulers.values() for s in group]
        return schedulers

    def _set_generators(self, states: list[dict] | None) -> None:
        if states is not None and len(states) == get_world_size():
            set_random_state(states[get_rank()])
            return
        reason = (
            'The checkpoint holds no random generators (it was not saved by '
            'mmlatte.SafeCheckpointHook)'
            if states is None
            else f'The checkpoint was saved by {len(states)} ranks'
        )
        set_random_seed(self.runner.seed + self._iter)
        self.runner.logger.warning(
            f'{reason}; random numbers outside the data pipeline differ from '
            'those of an uninterrupted run.'
        )

    @contextmanager
    def _catch_sigterm(self) -> Iterator[None]:
        """Remember SIGTERM instead of dying, while training."""
        if threading.current_thread() is not threading.main_thread():
            yield  # python delivers signals to the main thread only
            return

        def remember(*_) -> None:
            self._terminated = True
            # An evaluation is worth nothing if its state is saved already.
            hook = find_hook(self.runner, SafeCheckpointHook)
            if self._evaluating and hook and hook.saved_iter == self._iter:
                self._leave(hook.last_ckpt)

        previous = signal.signal(signal.SIGTERM, remember)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, previous)

    def _leave_if_terminated(self) -> None:
        """Save and exit at an optimizer step if a rank was terminated."""
        if self._hosts is not None:
            told = torch.tensor([int(self._terminated)])
            all_reduce(told, op='max', group=self._hosts)
            self._terminated = bool(told)
        if not (
            self._terminated and self.runner.optim_wrapper.should_update()
        ):
            return
        hook = find_hook(self.runner, SafeCheckpointHook)
        if hook is None:
            self.runner.logger.warning(
                'SIGTERM: nothing is saved without mmlatte.SafeCheckpointHook'
            )
            raise SystemExit(TERMINATED)
        self._save_if_needed()
        self._leave(hook.last_ckpt)

    def _save_if_needed(self) -> None:
        """Save where the run ends before its last epoch."""
        hook = find_hook(self.runner, SafeCheckpointHook)
        if hook is not None and hook.saved_iter != self._iter:
            meta = dict(epoch=self._epoch, iter=self._iter)
            hook.save_now(self.runner, meta)

    def _leave(self, path: str) -> None:
        self.runner.logger.warning(
            f'SIGTERM: stopping at iteration {self._iter}, saved in {path}. '
            'Run again with --resume to go on.'
        )
        raise SystemExit(TERMINATED)


def _shield_workers(loader: DataLoader) -> None:
    """Keep the signals of this process's group from a loader's workers.

    Launchers send SIGTERM to the group. Workers that it ends would make torch
    raise an error here before the step is done.
    """
    loader.worker_init_fn = partial(_leave_group, then=loader.worker_init_fn)


def _leave_group(
    worker_id: int, then: Callable[[int], None] | None = None
) -> None:
    if hasattr(os, 'setpgid'):  # not on Windows, which has no such signals
        os.setpgid(0, 0)
    if then is not None:
        then(worker_id)
