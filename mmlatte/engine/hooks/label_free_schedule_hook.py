import json
from collections.abc import Iterator
from pathlib import Path

import torch
from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmlatte.registry import HOOKS

from ..atomic_file import atomic_file
from ..path_choice import next_path, turned, turning_point
from ..random_state import preserved_random_state


@HOOKS.register_module()
class LabelFreeScheduleHook(Hook):
    """Find the learning rate, and when to stop, without labels.

    Before training it walks a little: a few steps each along paths (sums of
    learning rates) that double, until the agreement of the frozen and the
    fine-tuned pseudo-labels turns; see `mmlatte.engine.path_choice`. Weights
    and optimizer are put back, and the learning rate is set so that the
    configured schedule walks just as far in all of its steps. Should the
    agreement turn earlier than that, training stops at the end of the epoch.

    Writes ``label_free_schedule.json`` into the work folder: the measured
    paths and agreements, the chosen path and learning rate, the agreement of
    every epoch.

    Args:
        images (int): Images per measurement. Defaults to 512.
        first (float): Shortest path. Defaults to 1e-6.
        last (float): Longest path. Defaults to 0.1.
        stop (bool): Stop training when the agreement turns. Defaults to True.
    """

    # After the texts are bound, before RunSummaryHook evaluates.
    priority = 'BELOW_NORMAL'

    def __init__(
        self,
        images: int = 512,
        first: float = 1e-6,
        last: float = 0.1,
        stop: bool = True,
    ) -> None:
        if images < 1 or not 0 < first < last:
            raise ValueError(
                'LabelFreeScheduleHook: images must be positive and first < '
                f'last, got images={images}, first={first}, last={last}'
            )
        self.images = images
        self.first, self.last = first, last
        self.stop = stop
        self._record: dict = dict(
            paths=[], agreement=[], path=None, lr=None, epochs=[]
        )
        self._sum: torch.Tensor | float = 0.0
        self._batches = 0

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Go on with what the run's first part found."""
        if runner._resume:
            saved = checkpoint['meta'].get('label_free_schedule')
            if saved is None:
                raise ValueError(
                    'the checkpoint was saved without LabelFreeScheduleHook; '
                    'resume with the config of its run'
                )
            self._record = saved['record']
            self._sum, self._batches = saved['sum'], saved['batches']

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep what was found, with the running epoch's agreement."""
        checkpoint['meta']['label_free_schedule'] = dict(
            record=self._record, sum=float(self._sum), batches=self._batches
        )

    def before_train(self, runner: Runner) -> None:
        """Find the learning rate, unless the run resumes.

        Raises:
            ValueError: If the method gives no agreement.
        """
        if self._record['lr'] is not None:
            return
        with preserved_random_state():
            self._walk(runner)
        record = self._record
        path = turning_point(record['paths'], record['agreement'])
        record.update(path=path, lr=_set_path(runner, path))
        self._write(runner)
        runner.logger.info(
            f'Learning rate {record["lr"]:.2e}, found without labels: the '
            f'pseudo-labels agree least after a path of {path:.1e} '
            '(sum of learning rates).'
        )

    def _walk(self, runner: Runner) -> None:
        """Measure the agreement along growing paths; undo every step."""
        model, wrapper = runner.model, runner.optim_wrapper
        state = {k: v.clone() for k, v in model.state_dict().items()}
        rates = [group['lr'] for group in wrapper.optimizer.param_groups]
        batches = _endless(runner)
        size = runner.train_loop.dataloader.batch_sampler.batch_size
        steps = max(4, -(-self.images // (size * get_world_size())))
        paths, agreement = self._record['paths'], self._record['agreement']
        model.train()
        done, path = 0.0, self.first
        while path <= self.last:
            for group in wrapper.optimizer.param_groups:
                group['lr'] = (path - done) / steps
            values = [self._step(runner, next(batches)) for _ in range(steps)]
            agreement.append(float(torch.stack(values).mean()))
            paths.append(path)
            runner.logger.info(
                f'path {path:.1e}: pseudo-labels agree on {agreement[-1]:.1%}'
            )
            if turned(agreement):
                break
            done, path = path, next_path(paths, agreement)
        model.load_state_dict(state)
        wrapper.optimizer.state.clear()
        for group, rate in zip(
            wrapper.optimizer.param_groups, rates, strict=True
        ):
            group['lr'] = rate
        wrapper.initialize_count_status(
            model, runner.train_loop.iter, runner.train_loop.max_iters
        )

    def _step(self, runner: Runner, batch: dict) -> torch.Tensor:
        """Train on a batch; return the agreement before that."""
        outputs = runner.model.train_step(
            batch, optim_wrapper=runner.optim_wrapper
        )
        if 'agreement' not in outputs:
            name = type(_unwrapped(runner)).__name__
            raise ValueError(
                f'LabelFreeScheduleHook: {name} logs no agreement of two '
                'pseudo-labels; it needs a model with both label sources, '
                'such as mmlatte.LatteCLIPClassifier'
            )
        memory = getattr(_unwrapped(runner), 'memory', None)
        if memory is not None:
            memory.step()
        return outputs['agreement'].detach()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Add up the agreement of the epoch, without a wait."""
        self._sum = self._sum + outputs['agreement'].detach()
        self._batches += 1

    def after_train_epoch(self, runner: Runner) -> None:
        """Stop training if the agreement has turned."""
        epochs = self._record['epochs']
        epochs.append(float(self._sum) / self._batches)
        self._sum, self._batches = 0.0, 0
        self._write(runner)
        if self.stop and turned(epochs):
            runner.train_loop.stop_training = True
            runner.logger.info(
                f'Stopping: the pseudo-labels agree on {epochs[-1]:.1%} '
                f'again, after {min(epochs):.1%}; going on would repeat the '
                'zero-shot labels.'
            )

    def _write(self, runner: Runner) -> None:
        if is_main_process():
            path = Path(runner.work_dir) / 'label_free_schedule.json'
            with atomic_file(path) as file:
                file.write(json.dumps(self._record, indent=2).encode())


def _endless(runner: Runner) -> Iterator[dict]:
    """Batches of the training data, pass after pass."""
    while True:
        yield from runner.train_loop.dataloader


def _set_path(runner: Runner, path: float) -> float:
    """Scale the learning rate so that the schedule walks a path.

    Returns:
        float: The new learning rate (peak of the first parameter group).
    """
    groups = runner.optim_wrapper.optimizer.param_groups
    length = _length(runner)
    factor = path / length
    for group in groups:
        group['lr'] *= factor
        group['initial_lr'] *= factor
    for scheduler in runner.param_schedulers:
        scheduler.base_values = [v * factor for v in scheduler.base_values]
    return groups[0]['initial_lr']


def _length(runner: Runner) -> float:
    """Sum of the learning rates of the schedule as configured."""
    (scheduler,) = runner.param_schedulers
    kept = scheduler.last_step
    total = 0.0
    for step in range(runner.train_loop.max_iters):
        scheduler.last_step = step
        total += scheduler._get_value()[0]
    scheduler.last_step = kept
    return total


def _unwrapped(runner: Runner) -> torch.nn.Module:
    model = runner.model
    return model.module if is_model_wrapper(model) else model
