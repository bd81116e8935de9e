from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlatte.datasets.clip_pipeline import (
    clip_data_preprocessor,
    clip_eval_pipeline,
)
from mmlatte.fits import FrozenFeatures
from mmlatte.registry import HOOKS, MODELS

from ..unwrapped import unwrapped
from .zero_shot_label_hook import ZeroShotLabelHook


@HOOKS.register_module()
class FrozenFeaturesHook(Hook):
    """Tell the model what frozen CLIP knows, and where an epoch begins.

    For methods without LMM texts. Needs a `ZeroShotLabelHook`. Calls, where
    the model defines them,

    - ``forget_images()`` first, unless the run resumes: a checkpoint that was
      loaded as a start (``load_from``) knows other images.
    - ``set_frozen(frozen)`` before training, once the checkpoint of a resumed
      run is loaded. It must not change what the model predicts. If the
      model has a ``kept_zero_shot`` or an ``is_fitted`` that is true after it,
      nothing is trained.
    - ``adopt_fit()`` (by `ResumableTrainLoop`) in place of that training,
      once zero-shot CLIP has been evaluated.
    - ``start_epoch(epoch, max_epochs)`` before the first batch of an epoch,
      not when a run resumes inside it: what it sets must live in buffers.
    - ``end_epoch()`` after the last batch.

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
        """Hand the frozen features to the model.

        Raises:
            ValueError: If there is no `ZeroShotLabelHook`, or the model takes
                no frozen features.
        """
        model = unwrapped(runner.model)
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
        self.frozen = hook.frozen()
        if self.teacher:
            self.frozen.teacher = _teacher(runner, model, hook, self.teacher)
        if not runner._resume and hasattr(model, 'forget_images'):
            model.forget_images()
        if hasattr(model, 'set_frozen'):
            model.set_frozen(self.frozen)
        done = ('kept_zero_shot', 'is_fitted')
        if any(getattr(model, name, False) for name in done):
            runner.train_loop.stop_training = True

    def before_train_epoch(self, runner: Runner) -> None:
        """Mark the epoch's start, unless the run resumes inside the epoch."""
        model = unwrapped(runner.model)
        if not hasattr(model, 'start_epoch'):
            return
        batches = runner.max_iters // runner.max_epochs
        if runner.iter == runner.epoch * batches:
            model.start_epoch(runner.epoch, runner.max_epochs)

    def after_train_epoch(self, runner: Runner) -> None:
        """Mark the epoch's end."""
        model = unwrapped(runner.model)
        if hasattr(model, 'end_epoch'):
            model.end_epoch()


def _teacher(
    runner: Runner, model, student: ZeroShotLabelHook, config: dict
) -> FrozenFeatures:
    """Let a teacher look at the images as `student` has done."""
    teacher = MODELS.build(
        {
            'type': 'mmlatte.ZeroShotCLIP',
            'class_names': model.class_names,
            'templates': model.templates,
            **config,
        }
    )
    if teacher.class_names != model.class_names:
        raise ValueError(
            'FrozenFeaturesHook: the teacher has other classes than the '
            'model, or another order; leave out its class_names'
        )
    facts = teacher.clip.preprocess
    pipeline = clip_eval_pipeline(teacher.clip.image_size, facts)
    preprocessor = MODELS.build(clip_data_preprocessor(facts))
    if teacher.clip.fingerprint() == student.fingerprint:
        # The same CLIP: its features are in the cache already.
        pipeline, preprocessor = student.pipeline, model.data_preprocessor
    teacher.data_preprocessor = preprocessor
    teacher.to(next(model.parameters()).device)
    # With the texts of a language model the method depends on one.
    model.uses_lmm = model.uses_lmm or teacher.uses_lmm
    hook = ZeroShotLabelHook(
        cache_dir=student.cache_dir,
        pipeline=pipeline,
        batch_size=student.batch_size,
        num_workers=student.num_workers,
        chunk_size=student.chunk_size,
    )
    hook.look(runner, teacher, runner.train_dataloader.dataset)
    return hook.frozen()
