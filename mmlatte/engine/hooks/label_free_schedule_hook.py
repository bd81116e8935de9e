import json
from collections.abc import Sequence
from pathlib import Path
from types import EllipsisType

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlatte.atomic_file import atomic_file
from mmlatte.engine.checkpoints.random_state import preserved_random_state
from mmlatte.engine.rate.best_weights import BestWeights
from mmlatte.engine.rate.label_probe import LabelProbe
from mmlatte.engine.rate.path_choice import (
    UNTOUCHED,
    best_rate,
    broke,
    fell,
    improved,
    rose,
    turning_point,
    why_stopped,
)
from mmlatte.engine.rate.peak_rate import only_scheduler, path_of_one, set_peak
from mmlatte.engine.rate.rate_walk import walk
from mmlatte.fits import LattePlusOptions
from mmlatte.registry import HOOKS

from ..find_hook import require_hook
from ..method_of import method_of
from .zero_shot_label_hook import ZeroShotLabelHook


@HOOKS.register_module()
class LabelFreeScheduleHook(Hook):
    """Find the learning rate, and when to stop, without labels.

    Before training it takes a few steps at growing learning rates (their sum
    is the path) and measures how the labels of some training images agree
    with two others, those of zero-shot CLIP and those of clusters
    (`fit_latteplus`); see `mmlatte.engine.rate.path_choice`. Weights and
    optimizer are put back.

    Where training brings the labels closer to the clusters, the rate is the
    one of the steps after which they were closest. The run then ends after an
    epoch in which the agreement stayed far below its best, and its weights
    are those of the best moment.

    Where it does not, or there are no clusters, the rate is set so that the
    configured schedule ends where the agreement with the zero-shot labels is
    lowest. Should it turn earlier than that, training stops at the end of
    the epoch.

    With answers about a few images, labels by the fit to the answers take the
    place of the zero-shot labels, and of the clusters.

    For methods whose labels follow training step by step, such as LatteCLIP;
    needs ``WarmupCosineLR``. What was measured and chosen is written to
    ``label_free_schedule.json`` in the work folder.

    Args:
        images (int): Training images that are measured on. Defaults to 512.
        steps (int): Steps between two measurements of the search. Defaults
            to 4.
        first (float): Shortest path. Defaults to 1e-6.
        last (float): Longest path. Defaults to 0.1.
        stop (bool): Stop training as above, and keep the weights of the best
            moment. Defaults to True.
        measurements (int): Even parts of the run at whose ends the agreement
            is measured, beside the ends of epochs, where the weights of the
            best moment are kept. Defaults to 10.
        latteplus (dict, optional): Of the `LattePlusOptions`, for the
            clusters.
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
        latteplus: dict | None = None,
    ) -> None:
        if min(images, steps, measurements) < 1 or not 0 < first < last:
            raise ValueError(
                'LabelFreeScheduleHook: images, steps and measurements must '
                f'be positive and first < last, got images={images}, '
                f'steps={steps}, measurements={measurements}, first={first}, '
                f'last={last}'
            )
        self.images = images
        self.latteplus = LattePlusOptions(**(latteplus or {}))
        self.steps = steps
        self.first, self.last = first, last
        self.stop = stop
        self.measurements = measurements
        self._record: dict = dict(
            paths=[],
            agreement=[],
            clusters=[],
            followed=None,
            path=None,
            lr=None,
            epochs=[],
            training=[],
            kept=None,
            stopped=False,
        )
        # Labels by clusters of the images that are measured on, once found.
        self._clusters: Sequence[int] | EllipsisType | None = ...
        self._probe: LabelProbe | None = None
        self._best: BestWeights | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Go on with what the run's first part found."""
        if runner._resume:
            saved = checkpoint['meta'].get('label_free_schedule')
            if saved is None:
                raise ValueError(
                    'the checkpoint was saved without LabelFreeScheduleHook; '
                    'resume with the config of its run'
                )
            self._record.update(saved)
            self._clusters = checkpoint['meta']['label_free_clusters']

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep what was found."""
        meta = checkpoint['meta']
        meta['label_free_schedule'] = self._record
        labels = self._probe.clusters if self._probe else None
        meta['label_free_clusters'] = (
            None if labels is None else labels.tolist()
        )

    def before_train(self, runner: Runner) -> None:
        """Find the learning rate, unless the run resumes.

        Raises:
            ValueError: If there is no ``ZeroShotLabelHook``, or another
                schedule than ``WarmupCosineLR``.
            RuntimeError: If no learning rate changes anything.
        """
        frozen = require_hook(
            runner, ZeroShotLabelHook, 'LabelFreeScheduleHook'
        )
        if runner.train_loop.stop_training:
            return  # the model found nothing to learn from
        resumed = self._record['lr'] is not None
        with preserved_random_state():
            view = frozen.frozen_pass.view(runner.train_dataloader.dataset)
            self._probe = LabelProbe(
                runner,
                view,
                frozen.found,
                self.images,
                self.latteplus,
                method_of(runner, type(self).__name__).given,
                self._clusters,
            )
            if not resumed:
                self._search(runner)
        if self.stop and self._record['followed'] == 'clusters':
            self._best = BestWeights(runner.work_dir)
        if resumed:
            self._go_on(runner)

    def _go_on(self, runner: Runner) -> None:
        """Take over what the run's first part kept."""
        record = self._record
        self._write(runner)
        if record['stopped'] and self.stop:
            runner.train_loop.stop_training = True
            return
        if self._best is None or not record['training']:
            return
        if record['kept'] is not None:
            if runner.iter < runner.max_iters:
                # These are the best weights, and more epochs follow.
                best = max(value for _, value in record['training'])
                self._best.offer(runner, best, record['kept'])
                record['kept'] = None
        elif not self._best.resume(record['training']):
            runner.logger.warning(
                f'{self._best.path} does not hold the best weights of the '
                'epochs that are done: only later ones will be gone back to'
            )

    def _search(self, runner: Runner) -> None:
        """Find the learning rate and set it."""
        scheduler = only_scheduler(runner)
        walked = walk(runner, self._probe, self.steps, self.first, self.last)
        paths, agreement, clusters = walked
        record = self._record
        record.update(paths=paths, agreement=agreement, clusters=clusters)
        if clusters and improved(clusters, len(self._probe)):
            record['followed'] = 'clusters'
            rate = best_rate(paths, clusters[1:], self.steps)
            found = (
                f'after {self.steps} steps with it, labels agree best with '
                f'the clusters of the images ({max(clusters):.2f})'
            )
        elif min(agreement) > UNTOUCHED:
            raise RuntimeError(
                'LabelFreeScheduleHook: no learning rate up to '
                f'{paths[-1] / self.steps:.0e} changes the labels of the '
                'training images; set optim_wrapper.optimizer.lr and remove '
                'the hook'
            )
        else:
            record['followed'] = 'zero_shot'
            record['path'] = path = turning_point(paths, agreement)
            rate = path / path_of_one(runner, scheduler)
            found = (
                'frozen and fine-tuned labels agree least after a path of '
                f'{path:.1e} (sum of learning rates)'
            )
        record['lr'] = rate
        set_peak(runner, scheduler, rate)
        self._write(runner)
        runner.logger.info(
            f'Learning rate {rate:.2e}, found without labels: {found}.'
        )

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Measure, keep the best weights, and end where it is time.

        All of it before a checkpoint of this step is saved.
        """
        done, total = runner.iter + 1, runner.max_iters
        length = len(runner.train_loop.dataloader)
        ends = done % length == 0
        even = done * self.measurements // total
        even -= (done - 1) * self.measurements // total
        if not ends and (self._best is None or not even):
            return
        with preserved_random_state():
            zero_shot, clusters = self._probe.measure(runner)
        record, epoch = self._record, round(done / length, 6)
        if self._best is not None:
            record['training'].append([epoch, clusters])
            self._best.offer(runner, clusters, epoch)
        if ends:
            record['epochs'].append(zero_shot)
            self._end_epoch(runner, done == total)
            self._write(runner)

    def _end_epoch(self, runner: Runner, last: bool) -> None:
        record = self._record
        value = record['epochs'][-1]
        if self._best is None and broke(record['epochs']):
            runner.logger.warning(
                "Frozen and fine-tuned labels hardly agree (Cohen's kappa "
                f'{value:.2f}): the model may have forgotten its classes. If '
                'its predictions are wrong, set a lower '
                'optim_wrapper.optimizer.lr and remove LabelFreeScheduleHook.'
            )
        if self.stop and not last and self._has_turned():
            record['stopped'] = True
            runner.train_loop.stop_training = True
            best = None if self._best is None else self._best.score
            runner.logger.info(f'Stopping: {why_stopped(record, best)}.')
        if self._best is None or not (last or record['stopped']):
            return
        if self._best.moment is None:
            return
        record['kept'] = self._best.moment
        self._best.restore(runner)
        runner.logger.info(
            f'The weights are those after {self._best.moment:g} epochs: '
            'labels agreed best with the clusters of the images, '
            f'{self._best.score:.2f}.'
        )

    def after_train(self, runner: Runner) -> None:
        """Forget the best weights: a checkpoint holds them."""
        if self._best is not None:
            self._best.forget()

    def _has_turned(self) -> bool:
        record, count = self._record, len(self._probe)
        if self._best is None:
            return rose([1.0, *record['epochs']], count)
        measured = record['training']
        # The best of the last epoch against the best of all.
        recent = [v for at, v in measured if at > measured[-1][0] - 1]
        best = max(value for _, value in measured)
        return fell([best, max(recent)], count)

    def _write(self, runner: Runner) -> None:
        if is_main_process():
            path = Path(runner.work_dir) / 'label_free_schedule.json'
            with atomic_file(path) as file:
                file.write(json.dumps(self._record, indent=2).encode())
