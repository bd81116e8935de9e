from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlatte.engine.frozen.teacher_labels import teacher_labels
from mmlatte.fits import FrozenFeatures
from mmlatte.registry import HOOKS

from ..epoch_start import mark_epoch_start
from ..find_hook import require_hook
from ..method_of import method_of
from .zero_shot_label_hook import ZeroShotLabelHook


@HOOKS.register_module()
class FrozenFeaturesHook(Hook):
    """Give the method the frozen features, and the start and end of epochs.

    For methods that ask for it (``needs_frozen``, ``fits``); see `Method` for
    what is called when. Needs a `ZeroShotLabelHook`. Where the method finds
    that there is nothing to train (``kept_zero_shot``, ``is_fitted``),
    nothing is trained.

    A method with a teacher finds the features and labels of a second CLIP in
    ``frozen.teacher``. They are made before training, for the same images
    and in the same cache; then the teacher is forgotten.

    Args:
        teacher (dict, optional): Config of the teacher, a
            ``mmlatte.ZeroShotCLIP`` with a ``clip`` of its own. Classes and
            templates default to the model's; pixels are prepared as its
            CLIP needs them.

    Attributes:
        frozen (FrozenFeatures): None before training.
    """

    # Before RunSummaryHook evaluates and before the checkpoint is written.
    priority = 'NORMAL'

    def __init__(self, teacher: dict | None = None) -> None:
        self.teacher = teacher
        self.frozen: FrozenFeatures | None = None

    def before_train(self, runner: Runner) -> None:
        """Hand the frozen features to the method.

        Raises:
            ValueError: If there is no `ZeroShotLabelHook`, or the method takes
                no frozen features.
        """
        name = type(self).__name__
        model = method_of(runner, name)
        if not (model.needs_frozen or model.fits):
            raise ValueError(
                f'{name}: {type(model).__name__} uses no frozen features '
                '(neither needs_frozen nor fits); remove the hook'
            )
        hook = require_hook(runner, ZeroShotLabelHook, name)
        self.frozen = hook.found.frozen()
        if self.teacher:
            dataset = runner.train_dataloader.dataset
            self.frozen.teacher = teacher_labels(
                self.teacher, model, hook.frozen_pass, hook.found, dataset
            ).frozen()
        if not runner._resume:
            model.forget_images()
        model.set_frozen(self.frozen)
        if model.kept_zero_shot or model.is_fitted:
            runner.train_loop.stop_training = True

    def before_train_epoch(self, runner: Runner) -> None:
        """Mark the epoch's start."""
        mark_epoch_start(runner, method_of(runner, type(self).__name__))

    def after_train_epoch(self, runner: Runner) -> None:
        """Mark the epoch's end."""
        method_of(runner, type(self).__name__).end_epoch()
