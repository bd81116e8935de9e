import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import broadcast, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlatte.registry import HOOKS

from ..atomic_file import atomic_file
from ..frozen_view import FrozenView
from ..path_choice import (
    UNTOUCHED,
    broke,
    kappa,
    next_path,
    rose,
    turning_point,
)
from ..random_state import preserved_random_state
from ..schedulers import WarmupCosineLR
from ..unwrapped import unwrapped
from .zero_shot_label_hook import ZeroShotLabelHook

#: Images per forward pass of a measurement.
BATCH = 64


@HOOKS.register_module()
class LabelFreeScheduleHook(Hook):
    """Find the learning rate, and when to stop, without labels.

    Before training it walks a little: a few steps each along paths (sums of
    learning rates) that grow, until the agreement of the frozen and the
    fine-tuned labels of some training images turns; see
    `mmlatte.engine.path_choice`. Weights and optimizer are put back, and the
    learning rate is set so that the configured schedule walks just as far in
    all of its steps. Should the agreement turn earlier than that, training
    stops at the end of the epoch. For methods whose labels follow training
    step by step, such as LatteCLIP; needs ``WarmupCosineLR``.

    Writes ``label_free_schedule.json`` into the work folder: the measured
    paths and agreements, the chosen path and learning rate, the agreement of
    every epoch.

    Args:
        images (int): Training images that are measured on. Defaults to 512.
        steps (int): Steps between two measurements. Defaults to 4.
        first (float): Shortest path. Defaults to 1e-6.
        last (float): Longest path. Defaults to 0.1.
        stop (bool): Stop training when the agreement turns. Defaults to True.
    """

    # After the texts are bound, before RunSummaryHook evaluates.
    priority = 'BELOW_NORMAL'

    def __init__(
        self,
        images: int = 512,
        steps: int = 4,
        first: float = 1e-6,
        last: float = 0.1,
        stop: bool = True,
    ) -> None:
        if min(images, steps) < 1 or not 0 < first < last:
            raise ValueError(
                'LabelFreeScheduleHook: images and steps must be positive and '
                f'first < last, got images={images}, steps={steps}, '
                f'first={first}, last={last}'
            )
        self.images = images
        self.steps = steps
        self.first, self.last = first, last
        self.stop = stop
        self._record: dict = dict(
            paths=[], agreement=[], path=None, lr=None, epochs=[]
        )
        self._inputs: torch.Tensor | None = None
        self._labels: np.ndarray | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Go on with what the run's first part found."""
        if runner._resume:
            saved = checkpoint['meta'].get('label_free_schedule')
            if saved is None:
                raise ValueError(
                    'the checkpoint was saved without LabelFreeScheduleHook; '
                    'resume with the config of its run'
                )
            self._record = saved

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep what was found."""
        checkpoint['meta']['label_free_schedule'] = self._record

    def before_train(self, runner: Runner) -> None:
        """Find the learning rate, unless the run resumes.

        Raises:
            ValueError: If there is no ``ZeroShotLabelHook``, or another
                schedule than ``WarmupCosineLR``.
            RuntimeError: If no learning rate changes anything.
        """
        with preserved_random_state():
            self._load_images(runner)
            if self._record['lr'] is not None:
                if self.stop and self._has_turned():
                    runner.train_loop.stop_training = True
                return
            scheduler = _scheduler(runner)
            self._walk(runner)
        record = self._record
        if min(record['agreement']) > UNTOUCHED:
            raise RuntimeError(
                'LabelFreeScheduleHook: no learning rate up to '
                f'{record["paths"][-1] / self.steps:.0e} changes the labels '
                'of the training images; set optim_wrapper.optimizer.lr and '
                'remove the hook'
            )
        path = turning_point(record['paths'], record['agreement'])
        record.update(path=path, lr=_set_path(runner, scheduler, path))
        self._write(runner)
        runner.logger.info(
            f'Learning rate {record["lr"]:.2e}, found without labels: frozen '
            f'and fine-tuned labels agree least after a path of {path:.1e} '
            '(sum of learning rates).'
        )

    def _load_images(self, runner: Runner) -> None:
        """Load the images that are measured on, and their frozen labels."""
        found = [h for h in runner.hooks if isinstance(h, ZeroShotLabelHook)]
        if not found or found[0].labels is None:
            raise ValueError(
                'LabelFreeScheduleHook needs mmlatte.ZeroShotLabelHook; add '
                'it to the hooks'
            )
        view = FrozenView(
            runner.train_loop.dataloader.dataset, found[0].pipeline
        )
        draw = np.random.default_rng(0)
        count = min(self.images, len(view))
        chosen = np.sort(draw.choice(len(view), count, replace=False))
        self._inputs = torch.stack([view[int(i)][1] for i in chosen])
        self._labels = found[0].labels[chosen]

    @torch.no_grad()
    def _agreement(self, runner: Runner) -> float:
        """Agreement of the labels with those of the frozen CLIP.

        The main process decides for all: other hardware may round another way.
        """
        model = unwrapped(runner.model)
        training = model.training
        model.eval()
        predicted = []
        for inputs in self._inputs.split(BATCH):
            data = model.data_preprocessor(dict(inputs=inputs), training=False)
            logits = model(data['inputs'], mode='tensor')
            predicted.append(logits.argmax(dim=1).cpu().numpy())
        model.train(training)
        value = kappa(self._labels, np.concatenate(predicted))
        agreement = torch.tensor(value, dtype=torch.float64)
        broadcast(agreement)
        return float(agreement)

    def _walk(self, runner: Runner) -> None:
        """Measure the agreement along growing paths; undo every step."""
        model, wrapper = runner.model, runner.optim_wrapper
        state = {k: v.clone() for k, v in model.state_dict().items()}
        rates = [group['lr'] for group in wrapper.optimizer.param_groups]
        # Of float16; mmengine's wrapper names it otherwise.
        scaler = getattr(wrapper, 'loss_scaler', None)
        scaler = getattr(wrapper, 'scaler', scaler)
        scale = scaler.state_dict() if scaler is not None else {}
        batches = _endless(runner)
        paths, agreement = self._record['paths'], self._record['agreement']
        model.train()
        # The walk may be longer than the run, after which mmengine would
        # refuse to accumulate gradients.
        wrapper.initialize_count_status(model, 0, -1)
        done, path = 0.0, self.first
        while path <= self.last:
            # The first group leads; the others keep their ratio to it.
            for group, rate in zip(
                wrapper.optimizer.param_groups, rates, strict=True
            ):
                group['lr'] = (path - done) / self.steps * rate / rates[0]
            for _ in range(self.steps * wrapper._accumulative_counts):
                model.train_step(next(batches), optim_wrapper=wrapper)
                memory = unwrapped(runner.model).memory
                pending = getattr(memory, 'pending', False)
                if pending and wrapper.should_update():
                    memory.step()
            paths.append(path)
            agreement.append(self._agreement(runner))
            runner.logger.info(
                f'path {path:.1e}: agreement of frozen and fine-tuned labels '
                f"{agreement[-1]:.2f} (Cohen's kappa)"
            )
            if broke(agreement) or rose(agreement, len(self._labels)):
                break
            done, path = path, next_path(paths, agreement)
        model.load_state_dict(state)
        wrapper.optimizer.state.clear()
        if scale:
            # Large steps overflow, and each halves the scale.
            scaler.load_state_dict(scale)
        wrapper.zero_grad()
        for group, rate in zip(
            wrapper.optimizer.param_groups, rates, strict=True
        ):
            group['lr'] = rate
        wrapper.initialize_count_status(
            model, runner.train_loop.iter, runner.train_loop.max_iters
        )

    def after_train_epoch(self, runner: Runner) -> None:
        """Stop training if the agreement has turned."""
        epochs = self._record['epochs']
        with preserved_random_state():
            epochs.append(self._agreement(runner))
        self._write(runner)
        if broke(epochs):
            runner.logger.warning(
                "Frozen and fine-tuned labels hardly agree (Cohen's kappa "
                f'{epochs[-1]:.2f}): the model may have forgotten its '
                'classes. If its predictions look wrong, set a lower '
                'optim_wrapper.optimizer.lr and remove LabelFreeScheduleHook.'
            )
        if self.stop and self._has_turned():
            runner.train_loop.stop_training = True
            runner.logger.info(
                'Stopping: the agreement of frozen and fine-tuned labels is '
                f'{epochs[-1]:.2f} again, after {min(epochs):.2f}; going on '
                'would repeat the zero-shot labels.'
            )

    def _has_turned(self) -> bool:
        return rose([1.0, *self._record['epochs']], len(self._labels))

    def _write(self, runner: Runner) -> None:
        if is_main_process():
            path = Path(runner.work_dir) / 'label_free_schedule.json'
            with atomic_file(path) as file:
                file.write(json.dumps(self._record, indent=2).encode())


def _endless(runner: Runner) -> Iterator[dict]:
    """Batches of the training data, pass after pass."""
    while True:
        yield from runner.train_loop.dataloader


def _scheduler(runner: Runner) -> WarmupCosineLR:
    """Return the run's only scheduler, of which the path is known."""
    schedulers = runner.param_schedulers
    if isinstance(schedulers, list) and len(schedulers) == 1:
        if isinstance(schedulers[0], WarmupCosineLR):
            return schedulers[0]
    raise ValueError(
        'LabelFreeScheduleHook needs mmlatte.WarmupCosineLR as the only '
        'param_scheduler'
    )


def _set_path(runner: Runner, scheduler: WarmupCosineLR, path: float) -> float:
    """Scale the learning rate so that the schedule walks a path.

    Returns:
        float: The new learning rate (peak of the first parameter group).
    """
    wrapper = runner.optim_wrapper
    groups = wrapper.optimizer.param_groups
    accumulated, last = wrapper._accumulative_counts, wrapper._max_counts
    kept, length = scheduler.last_step, 0.0
    for step in range(scheduler.total):
        # Gradients that are accumulated go nowhere by themselves.
        count = scheduler.begin + step + 1
        if count % accumulated == 0 or count == last:
            scheduler.last_step = step
            length += scheduler._get_value()[0]
    scheduler.last_step = kept
    factor = path / length
    for group in groups:
        group['lr'] *= factor
        group['initial_lr'] *= factor
    scheduler.base_values = [v * factor for v in scheduler.base_values]
    return groups[0]['initial_lr']
