"""The config of a run on a user's own folder, from a few choices."""

import logging
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import print_log

from mmlatte.configs_folder import configs_folder
from mmlatte.datasets.class_folder import plain_name
from mmlatte.datasets.clip_pipeline import (
    clip_data_preprocessor,
    clip_eval_pipeline,
)
from mmlatte.models.clip import OpenCLIP

from .methods import METHODS
from .options import AdaptOptions
from .settings import clip_settings

__all__ = ['adapt_config']


def adapt_config(options: AdaptOptions, clip: OpenCLIP, count: int) -> Config:
    """Write out every setting of the run.

    Args:
        options (AdaptOptions): The choices.
        clip (OpenCLIP): The CLIP, for its image size and normalisation.
        count (int): Number of images.

    Returns:
        Config: Complete; ``tools/train.py`` can run it as well.
    """
    method = METHODS[options.method]
    shipped = configs_folder() / f'{method.name}_vitb32_folder.py'
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
    method.configure(cfg, options, clip, count)
    cfg.randomness = dict(seed=options.seed, deterministic=False)
    cfg.work_dir = str(out / 'run')
    cfg.launcher = 'none'
    return cfg


def _add_test(cfg: Config, options: AdaptOptions, classes: list[str]) -> None:
    """Evaluate on a labelled folder; training does not see it."""
    folder = Path(options.test).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f'test folder {folder} does not exist')
    _check_apart(folder, Path(options.images))
    found = {plain_name(p.name) for p in folder.iterdir() if p.is_dir()}
    without = [name for name in classes if plain_name(name) not in found]
    missing = [name for name in without if name not in options.added]
    if missing:
        raise ValueError(
            f'test folder {folder} must hold a sub-folder per class, named '
            f'like it; there is none for {missing}'
        )
    if without:
        print_log(
            f'test folder {folder} has no sub-folder for {without}, which '
            'answers added to the classes: accuracy is that on the others',
            'current',
            level=logging.WARNING,
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
            **(dict(partial=True) if without else {}),
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
