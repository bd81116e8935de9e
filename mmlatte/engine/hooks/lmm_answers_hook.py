from collections.abc import Mapping
from pathlib import Path

from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner

from mmlatte.datasets.decode_options_of import decode_options_of
from mmlatte.datasets.sample_index import samples_of
from mmlatte.lmm import (
    BaseLMM,
    ClosedOptions,
    ClosedTask,
    TextStore,
    check_lmm_early,
    picture_keys,
    store_folder,
)
from mmlatte.models.class_descriptions import read_descriptions
from mmlatte.registry import HOOKS, LMMS

from ..find_hook import require_hook
from ..image_loader import image_loader
from ..lmm_annotator import LMMAnnotator
from ..method_of import method_of
from .frozen_features_hook import FrozenFeaturesHook
from .zero_shot_label_hook import ZeroShotLabelHook


@HOOKS.register_module()
class LMMAnswersHook(Hook):
    """Have an LMM answer closed questions about a few training images.

    Before training it chooses typical images, asks which class they show, and
    asks again where the answers leave most unsure; see `LMMAnnotator`. The
    answers go to `FrozenFeaturesHook`, beside those of its file, and to a
    method that takes answers (``mmlatte.AnswersClassifier``). Ranks share the
    questions. A second run asks nothing, and needs no LMM.

    Args:
        lmm (dict | BaseLMM): The backend (registry ``LMMS``).
        store_dir (str): Folder of the answers, seen by all ranks; see
            :func:`mmlatte.lmm.store.store_folder`.
        questions (int): How many are asked, over all runs.
        options (dict | None): See :class:`mmlatte.lmm.ClosedOptions`.
        descriptions (str | dict | None): Sentences about every class, as
            `read_descriptions` takes them; the first of each is shown.
        patience (float): Seconds without a sign of life of the other ranks
            after which a rank gives up.

    Raises:
        ValueError: If there are no questions, or an option makes no sense.
    """

    # Before ZeroShotLabelHook, a wrong LMM must not cost the zero-shot pass,
    # and before FrozenFeaturesHook.
    priority = 'HIGH'

    def __init__(
        self,
        lmm: dict | BaseLMM,
        store_dir: str,
        questions: int,
        options: dict | None = None,
        descriptions: str | Mapping | None = None,
        patience: float = 3600,
    ) -> None:
        if questions < 1:
            raise ValueError(
                f'LMMAnswersHook: questions={questions}: ask one or more'
            )
        self.lmm = LMMS.build(lmm) if isinstance(lmm, dict) else lmm
        self.store_dir = store_dir
        self.questions = questions
        self.options = ClosedOptions(**(options or {}))
        self.descriptions = descriptions
        self.patience = patience

    def before_run(self, runner: Runner) -> None:
        """See whether this can work, if the run trains.

        Raises:
            ValueError: If a hook is missing that this one needs, or the
                method takes no answers.
            LMMUnavailableError: If the LMM cannot be had and has never
                answered about this data.
        """
        if not isinstance(runner._train_loop, BaseLoop):
            return
        for kind in (ZeroShotLabelHook, FrozenFeaturesHook):
            require_hook(runner, kind, type(self).__name__)
        method = method_of(runner, type(self).__name__)
        if not method.takes_answers:
            raise ValueError(
                f'LMMAnswersHook: {type(method).__name__} takes no answers: '
                'questions would be asked in vain; remove the hook, or '
                'choose a method that takes them, configs/methods/answers.py'
            )
        check_lmm_early(self.lmm, self.store_folder)

    def store_folder(self) -> Path:
        """Return where the answers of this LMM are."""
        return store_folder(self.store_dir, self.lmm)

    def before_train(self, runner: Runner) -> None:
        """Ask, and hand the answers on.

        Raises:
            LMMUnavailableError: If questions are left and the LMM is gone.
        """
        name = type(self).__name__
        target = require_hook(runner, FrozenFeaturesHook, name)
        dataset = runner.train_loop.dataloader.dataset
        annotator = self.annotator(runner, dataset)
        others = target.file_answers(runner)
        answers = annotator.annotate(self.questions, others)
        target.answers = target.answers.merge(answers)

    def annotator(self, runner: Runner, dataset) -> LMMAnnotator:
        """Return who answers about the training images.

        Args:
            runner (Runner): Whose frozen features there are.
            dataset (Dataset): The training images.
        """
        found = require_hook(
            runner, ZeroShotLabelHook, type(self).__name__
        ).found
        names = method_of(runner, type(self).__name__).class_names
        about: list[str] = []
        if self.descriptions is not None:
            sentences = read_descriptions(self.descriptions, names)
            about = [few[0] for few in sentences]
        return LMMAnnotator(
            found.frozen(),
            samples_of(dataset),
            picture_keys(found.images, decode_options_of(dataset)),
            image_loader(dataset),
            self.lmm,
            TextStore(self.store_folder()),
            ClosedTask(names, self.options, self.lmm.letters, about),
            patience=self.patience,
        )
