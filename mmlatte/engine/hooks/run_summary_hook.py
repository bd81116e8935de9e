import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import (
    Hook,
    IterTimerHook,
    LoggerHook,
    RuntimeInfoHook,
)
from mmengine.runner import Runner

from mmlatte.atomic_file import atomic_file
from mmlatte.datasets.sample_index import samples_of
from mmlatte.engine.checkpoints.random_state import preserved_random_state
from mmlatte.engine.class_accuracy import ClassAccuracy
from mmlatte.models import PrototypeClassifier
from mmlatte.registry import HOOKS

from ..find_hook import find_hook
from ..method_of import method_of
from ..peak_memory import peak_memory_mb
from .frozen_features_hook import FrozenFeaturesHook
from .lmm_text_synth_hook import LMMTextSynthHook
from .zero_shot_label_hook import ZeroShotLabelHook

#: Hooks that see the zero-shot evaluation; others, such as early stopping or
#: the schedulers, would take it for the end of an epoch. FrozenValLoop asks
#: the last one.
OBSERVERS = (RuntimeInfoHook, IterTimerHook, LoggerHook, ZeroShotLabelHook)


@HOOKS.register_module()
class RunSummaryHook(Hook):
    """Evaluate before training, and end the run with what it gained.

    Writes ``summary.json`` into the work folder, with the keys

    - ``zero_shot_top1``: accuracy before the first epoch, percent
    - ``top1``: accuracy of the final weights, percent
    - ``gain``: their difference
    - ``pseudo_label_top1``: accuracy of the zero-shot labels of the training
      images, percent (if the data set has labels; they are seen here only)
    - ``texts``: ``made``, ``reused`` and ``failed`` texts
    - ``per_class``: accuracy of the last evaluation by class name, percent
    - ``images_per_second``: of training alone, all ranks together
    - ``train_seconds``: of training alone
    - ``wall_seconds``: of the whole run, with the parts before a resume
    - ``trained_parameters``: how many numbers were fitted, 0 if the method
      stayed zero-shot CLIP
    - ``kept_zero_shot``: whether the method found nothing to learn from
    - ``is_fitted``: whether a fit took the place of training
    - ``peak_memory_mb``: of the GPU, without one of the process
    - ``method``: the classifier's name, and whether it is transductive, is
      helped by a teacher and uses an LMM
    - ``second_encoder``: its name; ``answers``: annotator -> number used
    - ``estimated_top1``: accuracy estimated from the answers, percent, with an
      80 % interval

    A value that the run cannot give is null. A resumed run keeps what
    its first part estimated, and its times. A test writes
    ``test_summary.json`` with those of the keys that a test can give.

    Args:
        metric (str): Key of the evaluator. Defaults to ``'accuracy/top1'``.
        zero_shot (bool): Evaluate before training. Without it the run takes
            one evaluation less and reports no gain. Defaults to True.
    """

    # After the hooks that train, before CheckpointHook.
    priority = 'LOW'

    def __init__(
        self, metric: str = 'accuracy/top1', zero_shot: bool = True
    ) -> None:
        self.metric = metric
        self.zero_shot = zero_shot
        self._state: dict[str, Any] = dict(
            zero_shot_top1=None, wall_seconds=0.0, train_seconds=0.0, images=0
        )
        self._resumed = False
        self._gpu_peak = 0
        self._began = time.time()
        self._last_evaluation: tuple[int, float] | None = None
        self._classes = ClassAccuracy()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Go on with the numbers of the run's first part."""
        if runner._resume:
            self._resumed = True
            saved = checkpoint['meta'].get('run_summary', {})
            self._state.update(saved)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the numbers with the checkpoint."""
        estimate = method_of(runner, 'RunSummaryHook').estimated_top1
        if estimate is not None:  # a resumed run does not fit again
            self._state['estimated_top1'] = [*estimate]
        checkpoint['meta']['run_summary'] = {
            **self._state,
            'wall_seconds': self._wall_seconds(),
        }

    def before_train(self, runner: Runner) -> None:
        """Evaluate the model as it came, which is zero-shot CLIP."""
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()  # not that of an LMM
        if not self.zero_shot or runner.val_loop is None:
            return
        if self._resumed:
            if self._state['zero_shot_top1'] is None:
                runner.logger.warning(
                    'The checkpoint does not hold the zero-shot accuracy; '
                    'the summary will hold null.'
                )
            return
        with preserved_random_state(), _observers_only(runner):
            top1 = self._read(runner.val_loop.run())
        self._state['zero_shot_top1'] = top1
        runner.logger.info(f'Zero-shot accuracy: {top1:.2f} %')

    def before_train_epoch(self, runner: Runner) -> None:
        """Start the clock of training."""
        self._tick = time.time()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Count images and time, data loading included."""
        now = time.time()
        self._state['train_seconds'] += now - self._tick
        self._tick = now
        # Not `inputs`, which may hold several views of an image.
        local = len(data_batch['data_samples'])
        self._state['images'] += local * get_world_size()
        if torch.cuda.is_available():
            # mmengine's LoggerHook resets it with every line that it logs.
            peak = torch.cuda.max_memory_allocated()
            self._gpu_peak = max(self._gpu_peak, peak)

    def after_train_epoch(self, runner: Runner) -> None:
        """Count what an epoch did after its last batch, or without any."""
        self._state['train_seconds'] += time.time() - self._tick

    def before_val_epoch(self, runner: Runner) -> None:
        """Forget the predictions of the evaluation before."""
        self._classes = ClassAccuracy()

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Keep the predictions, for the accuracy per class."""
        self._classes.add(outputs)

    def after_val_epoch(self, runner: Runner, metrics=None) -> None:
        """Remember the accuracy; the last one counts."""
        self._last_evaluation = (runner.iter, self._read(metrics))

    def after_train(self, runner: Runner) -> None:
        """Write the summary, after one more evaluation if it is due."""
        if runner.val_loop is not None and (
            self._last_evaluation is None
            or self._last_evaluation[0] != runner.iter
        ):
            runner.val_loop.run()  # calls after_val_epoch
        summary = self._summary(runner)
        if is_main_process():
            _write(summary, Path(runner.work_dir) / 'summary.json')
            runner.logger.info(_line(summary))

    before_test_epoch = before_val_epoch
    after_test_iter = after_val_iter

    def after_test_epoch(self, runner: Runner, metrics=None) -> None:
        """Write what a test alone measures."""
        summary = dict(
            top1=(metrics or {}).get(self.metric),
            wall_seconds=self._wall_seconds(),
            **self._facts(runner),
        )
        if is_main_process():
            _write(summary, Path(runner.work_dir) / 'test_summary.json')

    def _summary(self, runner: Runner) -> dict:
        state = self._state
        zero_shot = state['zero_shot_top1']
        top1 = self._last_evaluation and self._last_evaluation[1]
        known = zero_shot is not None and top1 is not None
        seconds = state['train_seconds']
        model = method_of(runner, 'RunSummaryHook')
        frozen = find_hook(runner, FrozenFeaturesHook)
        hook = find_hook(runner, LMMTextSynthHook)
        texts = None
        if hook is not None and hook.counts:
            keys = ('made', 'reused', 'failed')
            texts = {key: hook.counts[key] for key in keys}
            if 'described' in hook.counts:
                texts['images described'] = hook.counts['described']
        return dict(
            zero_shot_top1=zero_shot,
            top1=top1,
            gain=top1 - zero_shot if known else None,
            pseudo_label_top1=_pseudo_label_top1(runner),
            texts=texts,
            images_per_second=state['images'] / seconds
            if state['images'] and seconds
            else None,
            train_seconds=seconds,
            wall_seconds=self._wall_seconds(),
            trained_parameters=_trained_parameters(model),
            kept_zero_shot=model.kept_zero_shot,
            is_fitted=model.is_fitted,
            second_encoder=frozen.second_name if frozen else None,
            answers=frozen.answers.count_sources() if frozen else {},
            estimated_top1=model.estimated_top1 or state.get('estimated_top1'),
            **self._facts(runner),
        )

    def _facts(self, runner: Runner) -> dict:
        model = method_of(runner, 'RunSummaryHook')
        return dict(
            per_class=self._classes.percent(model.class_names),
            peak_memory_mb=peak_memory_mb(self._gpu_peak),
            method=dict(
                name=type(model).__name__,
                transductive=model.transductive,
                teacher=model.teacher,
                uses_lmm=model.uses_lmm,
            ),
        )

    def _wall_seconds(self) -> float:
        return self._state['wall_seconds'] + time.time() - self._began

    def _read(self, metrics: dict) -> float:
        if self.metric not in metrics:
            raise ValueError(
                f'RunSummaryHook: the evaluator gives {sorted(metrics)}, not '
                f'{self.metric!r}; set `metric` of the hook to one of them'
            )
        return float(metrics[self.metric])


@contextmanager
def _observers_only(runner: Runner) -> Iterator[None]:
    hooks = runner._hooks
    runner._hooks = [hook for hook in hooks if isinstance(hook, OBSERVERS)]
    try:
        yield
    finally:
        runner._hooks = hooks


def _trained_parameters(model: PrototypeClassifier) -> int:
    """Count what the optimizer moves, or what the model fits."""
    if model.kept_zero_shot:
        return 0
    if model.fitted_parameters is not None:
        return model.fitted_parameters
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _write(summary: dict, path: Path) -> None:
    with atomic_file(path) as file:
        file.write(json.dumps(summary, indent=2).encode() + b'\n')


def _pseudo_label_top1(runner: Runner) -> float | None:
    """Compare zero-shot labels with true ones, where both exist."""
    hook = find_hook(runner, ZeroShotLabelHook)
    if hook is None:
        return None
    truth = samples_of(runner.train_loop.dataloader.dataset).labels
    if truth is None:
        return None
    return 100 * float((hook.found.labels == truth).mean())


def _line(summary: dict) -> str:
    """The summary in a line; what is not known is left out."""
    parts = []
    if summary['gain'] is not None:
        parts.append(
            'zero-shot {zero_shot_top1:.2f} % -> {top1:.2f} % ({gain:+.2f})'
        )
    elif summary['top1'] is not None:
        parts.append('{top1:.2f} %')
    if summary['pseudo_label_top1'] is not None:
        parts.append(
            'zero-shot labels of the training images {pseudo_label_top1:.2f} %'
        )
    if summary['images_per_second'] is not None:
        parts.append('{images_per_second:.1f} images/s')
    parts.append('{wall_seconds:.0f} s in all')
    return 'Done: ' + ', '.join(parts).format(**summary)
