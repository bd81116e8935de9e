import logging

import numpy as np
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import BaseLoop, Runner
from torch import nn

from mmlatte.datasets.answers import (
    AnsweredImages,
    Answers,
    read_answers,
)
from mmlatte.datasets.clip_pipeline import show_both
from mmlatte.datasets.sample_index import samples_of
from mmlatte.engine.frozen.second_features import (
    second_features,
    short_name,
)
from mmlatte.engine.frozen.teacher_labels import teacher_labels
from mmlatte.fits import FrozenFeatures
from mmlatte.image_table import key_name
from mmlatte.models.classifiers.fitted import log_fit
from mmlatte.registry import HOOKS, MODELS

from ..epoch_start import mark_epoch_start
from ..find_hook import require_hook
from ..method_of import method_of
from .zero_shot_label_hook import ZeroShotLabelHook


@HOOKS.register_module()
class FrozenFeaturesHook(Hook):
    """Give the method the frozen features, and the start and end of epochs.

    For methods that ask for it (``needs_frozen``, ``fits``), or may have
    answers (``takes_answers``); see `Method` for what is called when. Needs a
    `ZeroShotLabelHook`. Where the method finds that there is nothing to train
    (``kept_zero_shot``, ``is_fitted``), nothing is trained.

    A method with a teacher finds the features and labels of a second CLIP in
    ``frozen.teacher``. They are made before training, for the same images
    and in the same cache; then the teacher is forgotten.

    Args:
        teacher (dict, optional): Config of the teacher, a
            ``mmlatte.ZeroShotCLIP`` with a ``clip`` of its own. Classes and
            templates default to the model's; pixels are prepared as its
            CLIP needs them.
        second_encoder (dict, optional): Config of another frozen vision model,
            e.g. ``mmlatte.TimmEncoder``. Its features, ``frozen.second``, help
            a method that trains to label the images; then it is forgotten. A
            fit that also predicts with it has ``model.second_encoder``.
        answers (str, optional): File of what somebody said that some training
            images show, see `read_answers`. The only labels a method sees;
            `summary.json` counts them. Defaults to none.

    Attributes:
        frozen (FrozenFeatures): None before training.
        second_name (str): Name of the second encoder; None without one.
        answers (Answers): Those of the file, and those that other hooks put
            here before training.
    """

    # Before RunSummaryHook evaluates and before the checkpoint is written.
    priority = 'NORMAL'

    def __init__(
        self,
        teacher: dict | None = None,
        answers: str | None = None,
        second_encoder: dict | None = None,
    ) -> None:
        self.teacher = teacher
        self.second_encoder = second_encoder
        self.file = answers
        self.answers = Answers()
        self.frozen: FrozenFeatures | None = None
        self.second_name: str | None = None
        self._of_file: Answers | None = None
        self._encoder: nn.Module | None = None

    def before_run(self, runner: Runner) -> None:
        """Show evaluated images to both encoders of a classifier."""
        model = method_of(runner, type(self).__name__)
        if model.second_encoder is None:
            return
        for loop in (runner._val_loop, runner._test_loop):
            if isinstance(loop, BaseLoop):  # a config unless it is needed
                show_both(loop.dataloader, model.second_encoder)

    def encoder(self, model) -> nn.Module | None:
        """Return the second encoder of the run, on its device; None without.

        Args:
            model (PrototypeClassifier): The method.

        Raises:
            ValueError: If the method reads none.
        """
        if not self.second_encoder:
            return model.second_encoder
        if not model.reads_second:
            raise ValueError(
                f'{type(self).__name__}: {type(model).__name__} learns from '
                'no second encoder: remove default_hooks.frozen_features.'
                'second_encoder'
            )
        if self._encoder is None:
            device = next(model.parameters()).device
            self._encoder = MODELS.build(self.second_encoder).to(device)
        return self._encoder

    def before_train(self, runner: Runner) -> None:
        """Hand the frozen features to the method.

        Raises:
            ValueError: If there is no `ZeroShotLabelHook`, or the method takes
                no frozen features, or no answers.
            AnswersError: If anything is wrong with the file of answers.
        """
        name = type(self).__name__
        model = method_of(runner, name)
        kind = type(model).__name__
        if not (model.needs_frozen or model.fits or model.takes_answers):
            raise ValueError(
                f'{name}: {kind} uses no frozen features '
                '(neither needs_frozen nor fits); remove the hook'
            )
        if self.file is not None and not model.takes_answers:
            raise ValueError(
                f'{name}: answers={self.file!r}, but {kind} takes no answers; '
                'remove default_hooks.frozen_features.answers, or choose a '
                'method that takes them, configs/methods/answers.py'
            )
        hook = require_hook(runner, ZeroShotLabelHook, name)
        self.frozen = hook.found.frozen()
        dataset = runner.train_loop.dataloader.dataset
        ids = samples_of(dataset).names(0, len(dataset))
        self.answers = self.answers.merge(self.file_answers(runner))
        if len(self.answers):
            arrays = self.answers.arrays(ids, model.class_names)
            self.frozen.answers = arrays.given()
        encoder = self.encoder(model)
        self._encoder = None  # it is not needed any more
        if encoder is not None:
            self.second_name = short_name(encoder)
            self.frozen = self.frozen.seen_by(
                second_features(encoder, hook.frozen_pass, dataset)
            )
        if self.teacher:
            self.frozen.teacher = teacher_labels(
                self.teacher, model, hook.frozen_pass, hook.found, dataset
            ).frozen()
        if not runner._resume:
            model.forget_images()
        model.set_frozen(self.frozen)
        if model.given.fit is not None:
            log_fit(kind, model.given.fit, model.class_names)
        if model.kept_zero_shot or model.is_fitted:
            runner.train_loop.stop_training = True

    def file_answers(self, runner: Runner) -> Answers:
        """Return the file's answers about the images as they are now.

        The file is read once. Answers about images that are gone or were
        replaced are left out, with a warning.

        Args:
            runner (Runner): Whose training images were encoded.

        Raises:
            AnswersError: If anything is wrong with the file.
        """
        if self._of_file is None:
            self._of_file = Answers()
            if self.file is not None:
                name = type(self).__name__
                hook = require_hook(runner, ZeroShotLabelHook, name)
                dataset = runner.train_loop.dataloader.dataset
                self._of_file = self._read(
                    samples_of(dataset).names(0, len(dataset)),
                    hook.found.images,
                    method_of(runner, name),
                )
        return self._of_file

    def _read(self, ids: list[str], images: np.ndarray, model) -> Answers:
        notes = AnsweredImages(self.file)
        answers = read_answers(self.file, notes.names(ids), model.class_names)
        keys = dict(zip(ids, map(key_name, images), strict=True))
        current, outdated = notes.part(
            answers, ids, lambda names: [keys[name] for name in names]
        )
        if len(outdated):
            message = notes.message(outdated)
            print_log(message, 'current', level=logging.WARNING)
        return current

    def before_train_epoch(self, runner: Runner) -> None:
        """Mark the epoch's start."""
        mark_epoch_start(runner, method_of(runner, type(self).__name__))

    def after_train_epoch(self, runner: Runner) -> None:
        """Mark the epoch's end."""
        method_of(runner, type(self).__name__).end_epoch()
