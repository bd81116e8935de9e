import json
from collections.abc import Iterator
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlatte.registry import HOOKS

from ..atomic_file import atomic_file
from ..best_weights import BestWeights
from ..label_probe import LabelProbe
from ..path_choice import (
    UNTOUCHED,
    best_rate,
    broke,
    fell,
    improved,
    next_path,
    rose,
    turning_point,
)
from ..random_state import preserved_random_state
from ..schedulers import WarmupCosineLR
from ..unwrapped import unwrapped
from .zero_shot_label_hook import ZeroShotLabelHook


@HOOKS.register_module()
class LabelFreeScheduleHook(Hook):
    """Find the learning rate, and when to stop, without labels.

    Before training it walks a little: a few steps each along paths (sums of
    learning rates) that grow, measuring how the labels of some training
    images agree with two others, those by zero-shot CLIP and those by
    clusters (`mmlatte.models.cluster_labels`); see
    `mmlatte.engine.path_choice`. Weights and optimizer are put back.

    Where training brings the labels closer to the clusters, the rate is the
    one of the steps after which they were closest. The agreement is measured
    ``measurements`` times in the run, the run ends after an epoch in which it
    stayed far below its best, and its weights are those of the best moment.

    Where it does not, or there are no clusters, the rate is set so that the
    configured schedule walks to where the agreement with the zero-shot labels
    is lowest. Should it turn earlier than that, training stops at the end of
    the epoch.

    For methods whose labels follow training step by step, such as LatteCLIP;
    needs ``WarmupCosineLR``. Writes ``label_free_schedule.json`` into the
    work folder: what was measured, the chosen learning rate (and path), and
    the step whose weights were kept.

    Args:
        images (int): Training images that are measured on. Defaults to 512.
        steps (int): Steps between two measurements of the search. Defaults
            to 4.
        first (float): Shortest path. Defaults to 1e-6.
        last (float): Longest path. Defaults to 0.1.
        stop (bool): Stop training as above, and keep the weights of the best
            moment. Defaults to True.
        measurements (int): See above. Defaults to 10.
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
        measurements: int = 10,
    ) -> None:
        if min(images, steps, measurements) < 1 or not 0 < first < last:
            raise ValueError(
                'LabelFreeScheduleHook: images, steps and measurements must '
                f'be positive and first < last, got images={images}, '
                f'steps={steps}, measurements={measurements}, first={first}, '
                f'last={last}'
            )
        self.images = images
        self.steps = steps
        self.first, self.last = first, last
        self.stop = stop
        self.measurements = measurements
        self._record: dict = dict(
            paths=[], agreement=[], path=None, lr=None, epochs=[]
        )
        # Where the clusters are of use: 'search', one more than paths;
        # 'training', [step, agreement] pairs; 'kept', a step.
        self._record['clusters'] = None
        self._probe: LabelProbe | None = None
        self._best: BestWeights | None = None
        self._measured: tuple = (None, (0.0, None))

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Go on with what the run's first part found."""
        if runner._resume:
            saved = checkpoint['meta'].get('label_free_schedule')
            if saved is None:
                raise ValueError(
                    'the checkpoint was saved without LabelFreeScheduleHook; '
                    'resume with the config of its run'
                )
            self._record = {'clusters': None, **saved}

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
        found = [h for h in runner.hooks if isinstance(h, ZeroShotLabelHook)]
        if not found or found[0].labels is None:
            raise ValueError(
                'LabelFreeScheduleHook needs mmlatte.ZeroShotLabelHook; add '
                'it to the hooks'
            )
        with preserved_random_state():
            self._probe = LabelProbe(runner, found[0], self.images)
            if self._record['lr'] is None:
                self._search(runner)
            else:
                self._go_on(runner)
        if self._follows_clusters and self.stop and self._best is None:
            self._best = BestWeights(runner.work_dir)

    @property
    def _follows_clusters(self) -> bool:
        return self._record['clusters'] is not None

    def _go_on(self, runner: Runner) -> None:
        """Take over what a run that resumes has found and kept."""
        if self._follows_clusters and self.stop:
            self._best = BestWeights(runner.work_dir)
            measured = self._record['clusters']['training']
            if measured and not self._best.resume(runner.iter):
                runner.logger.warning(
                    f'{self._best.path} is not there: of the steps before '
                    f'{runner.iter}, none will be gone back to'
                )
        if self.stop and self._has_turned():
            runner.train_loop.stop_training = True

    def _search(self, runner: Runner) -> None:
        """Find the learning rate and set it."""
        scheduler = _scheduler(runner)
        clusters = self._walk(runner)
        record, count = self._record, len(self._probe)
        if min(record['agreement']) > UNTOUCHED:
            raise RuntimeError(
                'LabelFreeScheduleHook: no learning rate up to '
                f'{record["paths"][-1] / self.steps:.0e} changes the labels '
                'of the training images; set optim_wrapper.optimizer.lr and '
                'remove the hook'
            )
        if clusters and improved(clusters, count):
            rate = best_rate(record['paths'], clusters[1:], self.steps)
            record['clusters'] = dict(search=clusters, training=[], kept=None)
            found = (
                f'after {self.steps} steps with it, labels agree best with '
                f'the clusters of the images ({max(clusters):.2f})'
            )
        else:
            path = turning_point(record['paths'], record['agreement'])
            rate = path / _length(runner, scheduler)
            record['path'] = path
            found = (
                'frozen and fine-tuned labels agree least after a path of '
                f'{path:.1e} (sum of learning rates)'
            )
        record['lr'] = rate
        _set_rate(runner, scheduler, rate)
        self._write(runner)
        runner.logger.info(
            f'Learning rate {rate:.2e}, found without labels: {found}.'
        )

    def _walk(self, runner: Runner) -> list[float]:
        """Measure the agreement along growing paths; undo every step.

        Returns:
            list[float]: Agreement with the clusters, before and along the
            paths; empty without clusters.
        """
        model, wrapper = runner.model, runner.optim_wrapper
        state = {k: v.clone() for k, v in model.state_dict().items()}
        rates = [group['lr'] for group in wrapper.optimizer.param_groups]
        # Of float16; mmengine's wrapper names it otherwise.
        scaler = getattr(wrapper, 'loss_scaler', None)
        scaler = getattr(wrapper, 'scaler', scaler)
        scale = scaler.state_dict() if scaler is not None else {}
        batches = _endless(runner)
        paths, agreement = self._record['paths'], self._record['agreement']
        clusters: list[float] = []
        if self._probe.clusters is not None:
            clusters.append(self._probe.start)
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
            self._measure_walk(runner, path, agreement, clusters)
            if self._walked_enough(agreement, clusters):
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
        return clusters

    def _measure_walk(
        self,
        runner: Runner,
        path: float,
        agreement: list[float],
        clusters: list[float],
    ) -> None:
        zero_shot, with_clusters = self._probe.measure(runner)
        agreement.append(zero_shot)
        text = (
            f'path {path:.1e}: agreement of frozen and fine-tuned labels '
            f"{zero_shot:.2f} (Cohen's kappa)"
        )
        if with_clusters is not None:
            clusters.append(with_clusters)
            text += f', with clusters {with_clusters:.2f}'
        runner.logger.info(text)

    def _walked_enough(
        self, agreement: list[float], clusters: list[float]
    ) -> bool:
        count = len(self._probe)
        if broke(agreement):
            return True
        if clusters and improved(clusters, count):
            return fell(clusters, count)
        return rose(agreement, count)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Measure from time to time, and keep the best weights."""
        if self._best is None:
            return
        done, total = runner.iter + 1, runner.max_iters
        length = len(runner.train_loop.dataloader)
        # At even parts of the run, and at the end of every epoch.
        even = done * self.measurements // total
        even -= (done - 1) * self.measurements // total
        if not even and done % length:
            return
        _, value = self._measure(runner, done)
        self._record['clusters']['training'].append([done, value])
        self._best.offer(runner, value, done)

    def after_train_epoch(self, runner: Runner) -> None:
        """Stop training if the agreement has turned."""
        epochs = self._record['epochs']
        epochs.append(self._measure(runner, runner.iter)[0])
        if broke(epochs) and not self._follows_clusters:
            runner.logger.warning(
                "Frozen and fine-tuned labels hardly agree (Cohen's kappa "
                f'{epochs[-1]:.2f}): the model may have forgotten its '
                'classes. If its predictions look wrong, set a lower '
                'optim_wrapper.optimizer.lr and remove LabelFreeScheduleHook.'
            )
        if self.stop and self._has_turned():
            runner.train_loop.stop_training = True
            runner.logger.info(f'Stopping: {self._why()}.')
        last = runner.epoch + 1 == runner.max_epochs
        if self._best and (last or runner.train_loop.stop_training):
            self._record['clusters']['kept'] = self._best.step
            self._best.restore(runner)
            runner.logger.info(
                f'The weights are those of step {self._best.step} of '
                f'{runner.iter}: labels agreed best with the clusters, '
                f'{self._best.score:.2f}.'
            )
        self._write(runner)

    def _measure(
        self, runner: Runner, step: int
    ) -> tuple[float, float | None]:
        """Measure, once per step."""
        if self._measured[0] != step:
            with preserved_random_state():
                self._measured = (step, self._probe.measure(runner))
        return self._measured[1]

    def _has_turned(self) -> bool:
        record, count = self._record, len(self._probe)
        if not self._follows_clusters:
            return rose([1.0, *record['epochs']], count)
        measured = record['clusters']['training']
        epochs = len(record['epochs'])
        if not measured or epochs < 2:
            return False
        # Those of the last epoch against all: it had its chance.
        length = measured[-1][0] / epochs
        recent = [v for step, v in measured if step > measured[-1][0] - length]
        best = max(value for _, value in measured)
        return fell([best, max(recent)], count)

    def _why(self) -> str:
        record = self._record
        if self._follows_clusters:
            return (
                'in this epoch, labels agreed less with the clusters than '
                f'before (now {record["clusters"]["training"][-1][1]:.2f})'
            )
        return (
            'the agreement of frozen and fine-tuned labels is '
            f'{record["epochs"][-1]:.2f} again, after '
            f'{min(record["epochs"]):.2f}; going on would repeat the '
            'zero-shot labels'
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


def _length(runner: Runner, scheduler: WarmupCosineLR) -> float:
    """Return the path of the schedule, for a peak of 1."""
    wrapper = runner.optim_wrapper
    accumulated, last = wrapper._accumulative_counts, wrapper._max_counts
    kept, length = scheduler.last_step, 0.0
    for step in range(scheduler.total):
        # Gradients that are accumulated go nowhere by themselves.
        count = scheduler.begin + step + 1
        if count % accumulated == 0 or count == last:
            scheduler.last_step = step
            length += scheduler._get_value()[0]
    scheduler.last_step = kept
    return length / scheduler.base_values[0]


def _set_rate(runner: Runner, scheduler: WarmupCosineLR, rate: float) -> None:
    """Scale all groups so that the peak of the first is a learning rate."""
    factor = rate / scheduler.base_values[0]
    for group in runner.optim_wrapper.optimizer.param_groups:
        group['lr'] *= factor
        group['initial_lr'] *= factor
    scheduler.base_values = [v * factor for v in scheduler.base_values]
