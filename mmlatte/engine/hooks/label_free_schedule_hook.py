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
from ..random_state import preserved_random_state
from ..rate_choice import (
    UNTOUCHED,
    best_rate,
    broke,
    kappa,
    next_rate,
    went_back,
)
from ..schedulers import WarmupCosineLR
from ..unwrapped import unwrapped
from .zero_shot_label_hook import ZeroShotLabelHook

#: Images per forward pass of a measurement.
BATCH = 64


@HOOKS.register_module()
class LabelFreeScheduleHook(Hook):
    """Find the learning rate, and when to stop, without labels.

    Before training it takes a few steps each with learning rates that grow,
    until the frozen and the fine-tuned labels of some training images hardly
    agree; see `mmlatte.engine.rate_choice`. Weights and optimizer are put
    back, and the peak of the configured schedule is set to half of the
    largest rate that did no harm. Should the agreement come back half of its
    way while training, that stops at the end of the epoch. For methods whose
    labels follow training step by step, such as LatteCLIP; needs
    ``WarmupCosineLR``.

    Writes ``label_free_schedule.json`` into the work folder: the measured
    rates and agreements, the chosen rate, the agreement of every epoch.

    Args:
        images (int): Training images that are measured on. Defaults to 512.
        steps (int): Steps between two measurements. Defaults to 4.
        first (float): Lowest rate. Defaults to 2.5e-7.
        last (float): Highest rate. Defaults to 0.02.
        stop (bool): Stop training when the agreement comes back. Defaults to
            True.
    """

    # After the texts are bound, before RunSummaryHook evaluates.
    priority = 'BELOW_NORMAL'

    def __init__(
        self,
        images: int = 512,
        steps: int = 4,
        first: float = 2.5e-7,
        last: float = 0.02,
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
        self._record: dict = dict(rates=[], agreement=[], lr=None, epochs=[])
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
                if self.stop and self._went_back():
                    runner.train_loop.stop_training = True
                return
            scheduler = _scheduler(runner)
            self._grow(runner)
        record = self._record
        if min(record['agreement']) > UNTOUCHED:
            raise RuntimeError(
                'LabelFreeScheduleHook: no learning rate up to '
                f'{record["rates"][-1]:.0e} changes the labels '
                'of the training images; set optim_wrapper.optimizer.lr and '
                'remove the hook'
            )
        record['lr'] = best_rate(record['rates'], record['agreement'])
        if not broke(record['agreement']):
            runner.logger.warning(
                'LabelFreeScheduleHook: no learning rate up to '
                f'{record["rates"][-1]:.0e} did harm; half of it is taken. '
                'A larger `last` may find a better one.'
            )
        _set_rate(runner, scheduler, record['lr'])
        self._write(runner)
        runner.logger.info(
            f'Learning rate {record["lr"]:.2e}, found without labels: half of '
            'the largest with which a few steps do no harm.'
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

    def _grow(self, runner: Runner) -> None:
        """Measure the agreement while the rate grows; undo every step."""
        model, wrapper = runner.model, runner.optim_wrapper
        state = {k: v.clone() for k, v in model.state_dict().items()}
        before = [group['lr'] for group in wrapper.optimizer.param_groups]
        # Of float16; mmengine's wrapper names it otherwise.
        scaler = getattr(wrapper, 'loss_scaler', None)
        scaler = getattr(wrapper, 'scaler', scaler)
        scale = scaler.state_dict() if scaler is not None else {}
        batches = _endless(runner)
        rates, agreement = self._record['rates'], self._record['agreement']
        model.train()
        # The search may be longer than the run, after which mmengine would
        # refuse to accumulate gradients.
        wrapper.initialize_count_status(model, 0, -1)
        rate = self.first
        while rate <= self.last:
            # The first group leads; the others keep their ratio to it.
            for group, value in zip(
                wrapper.optimizer.param_groups, before, strict=True
            ):
                group['lr'] = rate * value / before[0]
            for _ in range(self.steps * wrapper._accumulative_counts):
                model.train_step(next(batches), optim_wrapper=wrapper)
                memory = unwrapped(runner.model).memory
                pending = getattr(memory, 'pending', False)
                if pending and wrapper.should_update():
                    memory.step()
            rates.append(rate)
            agreement.append(self._agreement(runner))
            runner.logger.info(
                f'lr {rate:.1e}: agreement of frozen and fine-tuned labels '
                f"{agreement[-1]:.2f} (Cohen's kappa)"
            )
            if broke(agreement):
                break
            rate = next_rate(rates, agreement)
        model.load_state_dict(state)
        wrapper.optimizer.state.clear()
        if scale:
            # Large steps overflow, and each halves the scale.
            scaler.load_state_dict(scale)
        wrapper.zero_grad()
        for group, value in zip(
            wrapper.optimizer.param_groups, before, strict=True
        ):
            group['lr'] = value
        wrapper.initialize_count_status(
            model, runner.train_loop.iter, runner.train_loop.max_iters
        )

    def after_train_epoch(self, runner: Runner) -> None:
        """Stop training if the agreement came back."""
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
        if self.stop and self._went_back():
            runner.train_loop.stop_training = True
            runner.logger.info(
                'Stopping: the agreement of frozen and fine-tuned labels is '
                f'{epochs[-1]:.2f} again, after {min(epochs):.2f}; going on '
                'would repeat the zero-shot labels.'
            )

    def _went_back(self) -> bool:
        epochs = self._record['epochs']
        return bool(epochs) and went_back(epochs, len(self._labels))

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
    """Return the run's only scheduler, of which the peak is known."""
    schedulers = runner.param_schedulers
    if isinstance(schedulers, list) and len(schedulers) == 1:
        if isinstance(schedulers[0], WarmupCosineLR):
            return schedulers[0]
    raise ValueError(
        'LabelFreeScheduleHook needs mmlatte.WarmupCosineLR as the only '
        'param_scheduler'
    )


def _set_rate(runner: Runner, scheduler: WarmupCosineLR, rate: float) -> None:
    """Make the peak of the schedule a rate, in the first parameter group."""
    groups = runner.optim_wrapper.optimizer.param_groups
    factor = rate / groups[0]['initial_lr']
    for group in groups:
        group['lr'] *= factor
        group['initial_lr'] *= factor
    scheduler.base_values = [v * factor for v in scheduler.base_values]
