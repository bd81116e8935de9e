from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmlatte.models.frozen_features import FrozenFeatures
from mmlatte.registry import HOOKS

from .zero_shot_label_hook import ZeroShotLabelHook


@HOOKS.register_module()
class FrozenFeaturesHook(Hook):
    """Tell the model what frozen CLIP knows, and where an epoch begins.

    For methods without LMM texts. Needs a `ZeroShotLabelHook`. Calls, where
    the model defines them,

    - ``set_frozen(frozen)`` before training, once the checkpoint of a resumed
      run is loaded. It must not change what the model predicts.
    - ``start_epoch(epoch, max_epochs)`` before the first batch of an epoch,
      not when a run resumes inside it: what it sets must live in buffers.
    - ``end_epoch()`` after the last batch.

    Attributes:
        frozen (FrozenFeatures): None before training.
    """

    # Before RunSummaryHook evaluates and before the checkpoint is written.
    priority = 'NORMAL'

    def __init__(self) -> None:
        self.frozen: FrozenFeatures | None = None

    def before_train(self, runner: Runner) -> None:
        """Hand the frozen features to the model.

        Raises:
            ValueError: If there is no `ZeroShotLabelHook`, or the model takes
                no frozen features.
        """
        model = _unwrapped(runner)
        if not any(hasattr(model, name) for name in ('set_frozen', 'fit')):
            raise ValueError(
                f'FrozenFeaturesHook: {type(model).__name__} defines neither '
                'set_frozen nor fit; remove the hook'
            )
        hooks = [h for h in runner.hooks if isinstance(h, ZeroShotLabelHook)]
        if not hooks:
            raise ValueError(
                'FrozenFeaturesHook needs mmlatte.ZeroShotLabelHook; both are '
                'in configs/_base_/method_runtime.py'
            )
        hook = hooks[0]
        self.frozen = FrozenFeatures(
            features=hook.features,
            labels=hook.labels,
            scores=hook.scores,
            class_features=hook.class_features,
        )
        if hasattr(model, 'set_frozen'):
            model.set_frozen(self.frozen)

    def before_train_epoch(self, runner: Runner) -> None:
        """Mark the epoch's start, unless the run resumes inside the epoch."""
        model = _unwrapped(runner)
        if not hasattr(model, 'start_epoch'):
            return
        batches = runner.max_iters // runner.max_epochs
        if runner.iter == runner.epoch * batches:
            model.start_epoch(runner.epoch, runner.max_epochs)

    def after_train_epoch(self, runner: Runner) -> None:
        """Mark the epoch's end."""
        model = _unwrapped(runner)
        if hasattr(model, 'end_epoch'):
            model.end_epoch()


def _unwrapped(runner: Runner):
    model = runner.model
    return model.module if is_model_wrapper(model) else model
