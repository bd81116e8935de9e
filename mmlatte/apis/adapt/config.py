"""The config of a run on a user's own folder, from a few choices."""

from pathlib import Path

from mmengine.config import Config

from mmlatte.configs_folder import configs_folder
from mmlatte.datasets.class_folder import plain_name
from mmlatte.datasets.clip_pipeline import (
    clip_data_preprocessor,
    clip_eval_pipeline,
)
from mmlatte.models.clip import OpenCLIP

from .options import AdaptOptions, clip_settings, lmm_settings, prompts

__all__ = ['adapt_config']

LARGEST_BATCH = {'cuda': 512, 'cpu': 128}
#: Steps of a run: the median of the published schedules on a GPU, what two
#: cores do in minutes with a small CLIP on a CPU.
STEPS = {'cuda': 600, 'cpu': 120}
#: Steps of the warm-up, of the published ones.
WARMUP = 10


def adapt_config(options: AdaptOptions, clip: OpenCLIP, count: int) -> Config:
    """Write out every setting of the run.

    Args:
        options (AdaptOptions): The choices.
        clip (OpenCLIP): The CLIP, for its image size and normalisation.
        count (int): Number of images.

    Returns:
        Config: Complete; ``tools/train.py`` can run it as well.
    """
    shipped = configs_folder() / f'{options.method}_vitb32_folder.py'
    cfg = Config.fromfile(str(shipped))
    classes, out = list(options.classes), Path(options.out)
    facts = clip.preprocess
    cfg.model.update(class_names=classes, templates=options.template)
    tuning = cfg.model.clip.get('tuning')
    cfg.model.clip = clip_settings(options.clip)
    if tuning is not None:
        cfg.model.clip.tuning = tuning
    cfg.model.data_preprocessor = clip_data_preprocessor(facts)
    cfg.test_pipeline = clip_eval_pipeline(clip.image_size, facts)
    loader = cfg.train_dataloader
    loader.dataset.update(data_root=options.images, classes=classes)
    loader.num_workers = options.workers
    loader.persistent_workers = options.workers > 0
    if options.test is not None:
        _add_test(cfg, options, classes)
    cfg.default_hooks.zero_shot_label.update(
        cache_dir=str(out / 'cache'), num_workers=options.workers
    )
    if options.method == 'latteplus':
        # More classes than dimensions cannot be prototypes of one length.
        cfg.model.as_prototypes = len(classes) <= clip.embed_dim
        loader.dataset.pipeline = cfg.test_pipeline
    else:
        _set_training(cfg, options, clip, count)
        if options.method == 'latteclip':
            _set_rate(cfg, options)
            _set_texts(cfg, options, str(out / 'cache'))
        elif options.lr is not None:
            cfg.optim_wrapper.optimizer.lr = options.lr
            cfg.param_scheduler.max_path = None
    cfg.randomness = dict(seed=options.seed, deterministic=False)
    cfg.work_dir = str(out / 'run')
    cfg.launcher = 'none'
    return cfg


def _set_training(
    cfg: Config, options: AdaptOptions, clip: OpenCLIP, count: int
) -> None:
    """Set what a training has, and a fit has not."""
    loader, hooks = cfg.train_dataloader, cfg.default_hooks
    # Neither loads nor packs.
    look = cfg.test_pipeline[1:-1]
    _set_views(loader.dataset.pipeline, clip.image_size, look)
    kind = options.device.split(':')[0]
    loader.batch_size = options.batch_size or batch_size(
        count, LARGEST_BATCH[kind]
    )
    per_epoch = -(-count // loader.batch_size)
    epochs = options.epochs or -(-STEPS[kind] // per_epoch)
    cfg.train_cfg.max_epochs = epochs
    if options.test is not None:
        cfg.train_cfg.val_interval = epochs
    cfg.param_scheduler.end = epochs
    hooks.checkpoint.interval = max(1, epochs // 4)
    hooks.logger.interval = max(1, min(20, per_epoch // 2))


def _set_views(pipeline: list, size: tuple[int, int], look: list) -> None:
    """Make the views as large as the CLIP's images.

    Args:
        pipeline (list): That of the training images.
        size (tuple[int, int]): Height and width.
        look (list): What frozen CLIP does with an image, as the weak view.
    """
    for step in pipeline:
        if step.type == 'mmpretrain.RandomResizedCrop':
            step.scale = size[::-1]
        elif step.type == 'mmpretrain.MultiView':
            step.transforms[0] = look
            _set_views(step.transforms[1], size, look)


def _set_rate(cfg: Config, options: AdaptOptions) -> None:
    """Set the learning rate of LatteCLIP, or have it found."""
    cfg.param_scheduler.warmup = WARMUP
    if options.lr is None:
        cfg.default_hooks.label_free_schedule = dict(
            type='mmlatte.LabelFreeScheduleHook'
        )
    else:
        cfg.optim_wrapper.optimizer.lr = options.lr


def _set_texts(cfg: Config, options: AdaptOptions, cache: str) -> None:
    """Set the LMM and what it is asked, or leave it out."""
    hook = cfg.default_hooks.text_synth
    image_prompt, group_prompt = prompts(options.describe)
    lmm = lmm_settings(options.lmm, options.device)
    if lmm is None:
        cfg.model.texts = ('class',)
        image_prompt = group_prompt = None
    hook.update(
        store_dir=cache, image_prompt=image_prompt, group_prompt=group_prompt
    )
    hook.lmm = lmm


def batch_size(count: int, largest: int) -> int:
    """Return the largest power of two that leaves eight steps an epoch.

    Args:
        count (int): Number of images.
        largest (int): Upper bound, the published 512 where memory allows.

    Examples:
        >>> [batch_size(n, 512) for n in (50, 500, 3840, 100_000)]
        [16, 32, 256, 512]
    """
    size = 16
    while 2 * size <= min(largest, count // 8):
        size *= 2
    return size


def _add_test(cfg: Config, options: AdaptOptions, classes: list[str]) -> None:
    """Evaluate on a labelled folder; training does not see it."""
    folder = Path(options.test).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f'test folder {folder} does not exist')
    _check_apart(folder, Path(options.images))
    found = {plain_name(p.name) for p in folder.iterdir() if p.is_dir()}
    missing = [name for name in classes if plain_name(name) not in found]
    if missing:
        raise ValueError(
            f'test folder {folder} must hold a sub-folder per class, named '
            f'like it; there is none for {missing}'
        )
    cfg.val_dataloader = dict(
        batch_size=64,
        num_workers=options.workers,
        persistent_workers=options.workers > 0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='mmlatte.stack_samples'),
        dataset=dict(
            type='mmlatte.ClassFolder',
            data_root=options.test,
            metainfo=dict(classes=classes),
            pipeline=cfg.test_pipeline,
        ),
    )
    cfg.val_evaluator = dict(type='mmpretrain.Accuracy', topk=(1,))
    cfg.val_cfg = dict()
    cfg.test_dataloader = cfg.val_dataloader
    cfg.test_evaluator = cfg.val_evaluator
    cfg.test_cfg = dict()


def _check_apart(test: Path, images: Path) -> None:
    """Refuse test images among those that training sees.

    Raises:
        ValueError: If one folder lies inside the other.
    """
    real = test.resolve(), images.resolve()
    if real[0].is_relative_to(real[1]) or real[1].is_relative_to(real[0]):
        raise ValueError(
            f'test folder {test} and images folder {images} overlap, so that '
            'training would see test images: keep each outside the other'
        )
