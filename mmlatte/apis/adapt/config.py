"""The config of a run on a user's own folder, from a few choices."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import print_log

from mmlatte.apis.inference.measure import check_names, labelled_folder
from mmlatte.apis.preflight import note_weight_facts
from mmlatte.configs_folder import configs_folder
from mmlatte.datasets.class_folder import class_folders
from mmlatte.datasets.class_names import match_folders
from mmlatte.datasets.clip_pipeline import (
    clip_data_preprocessor,
    clip_eval_pipeline,
)
from mmlatte.datasets.decode_options_of import set_decode_options
from mmlatte.datasets.image_list import is_image_list, read_image_list
from mmlatte.datasets.unlabeled_folder import image_files
from mmlatte.decode_image import DecodeOptions
from mmlatte.models.class_texts import (
    check_class_texts,
    check_templates,
    texts_of_classes,
)
from mmlatte.models.clip import OpenCLIP

from .answering.answers_record import RECORD
from .methods import METHODS
from .options import AdaptOptions

__all__ = ['adapt_config']


def adapt_config(
    options: AdaptOptions,
    clip: OpenCLIP,
    count: int,
    leave_out: str | Sequence[str] = (),
) -> Config:
    """Write out every setting of the run.

    Args:
        options (AdaptOptions): The choices.
        clip (OpenCLIP): The CLIP, for its image size and normalisation.
        count (int): Number of images.
        leave_out (str | Sequence[str]): See `IndexedDataset`.

    Returns:
        Config: Complete; ``tools/train.py`` can run it as well.
    """
    method = METHODS[options.method]
    shipped = configs_folder() / f'{method.name}_vitb32_folder.py'
    cfg = Config.fromfile(str(shipped))
    classes, out = list(options.classes), Path(options.out)
    facts = clip.preprocess
    cfg.model.update(class_names=classes, templates=options.template)
    if options.prompt_names:
        cfg.model.prompt_names = options.prompt_names
    if options.descriptions:
        cfg.model.descriptions = options.descriptions
    texts = texts_of_classes(
        classes,
        check_templates(options.template),
        options.descriptions or None,
        options.prompt_names,
    )
    check_class_texts(clip.tokenizer, classes, texts)
    if options.also_check is not None:
        check_names(labelled_folder(options.also_check), clip)
    tuning = cfg.model.clip.get('tuning')
    cfg.model.clip = options.clip_settings()
    note_weight_facts(cfg.model.clip)
    if tuning is not None:
        cfg.model.clip.tuning = tuning
    cfg.model.data_preprocessor = clip_data_preprocessor(facts)
    cfg.test_pipeline = clip_eval_pipeline(clip.image_size, facts)
    loader = cfg.train_dataloader
    loader.dataset.update(data_root=options.images, classes=classes)
    if leave_out:
        loader.dataset.leave_out = leave_out
    loader.num_workers = options.workers
    loader.persistent_workers = options.workers > 0
    if options.test is not None:
        _add_test(cfg, options, classes)
    cfg.default_hooks.zero_shot_label.update(
        cache_dir=str(out / 'cache'), num_workers=options.workers
    )
    if options.answered:
        cfg.default_hooks.frozen_features.answers = str(out / RECORD)
    method.configure(cfg, options, clip, count)
    set_decode_options(cfg, DecodeOptions(options.range, options.bands))
    if options.skip_unreadable:
        cfg.skip_unreadable = True
    cfg.randomness = dict(seed=options.seed, deterministic=False)
    cfg.work_dir = str(out / 'run')
    cfg.launcher = 'none'
    return cfg


def _add_test(cfg: Config, options: AdaptOptions, classes: list[str]) -> None:
    """Evaluate on a labelled folder; training does not see it."""
    folder = Path(options.test).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f'test folder {folder} does not exist')
    if is_image_list(options.images):
        _check_not_listed(folder, options.images)
    else:
        _check_apart(folder, Path(options.images))
    extra = _check_folders(folder, options)
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
            partial=True,
            ignore=extra,
            synonyms=options.synonyms,
            pipeline=cfg.test_pipeline,
        ),
    )
    cfg.val_evaluator = dict(type='mmpretrain.Accuracy', topk=(1,))
    cfg.val_cfg = dict(type='mmlatte.FrozenValLoop')
    cfg.test_dataloader = cfg.val_dataloader
    cfg.test_evaluator = cfg.val_evaluator
    cfg.test_cfg = dict()


def _check_folders(folder: Path, options: AdaptOptions) -> list[str]:
    """Say which folders are no class, and which classes have no image.

    Returns:
        list[str]: Names of the folders that are no class.

    Raises:
        ValueError: If no folder is named like a class.
    """
    folders, classes = class_folders(str(folder)), options.classes
    try:
        found = match_folders(folders, classes, options.synonyms)
    except ValueError as error:
        raise ValueError(f'test folder {folder}: {error}') from None
    if not found:
        raise ValueError(
            f'test folder {folder} must hold a sub-folder per class, named '
            f'like it; it has {folders[:5]}, the classes are {classes[:5]}'
        )
    extra = [name for name in folders if name not in found]
    if extra:
        _warn(f'test folder {folder}: left out, no class: {", ".join(extra)}')
    filled = {
        label
        for name, label in found.items()
        if next(image_files(str(folder / name)), None)
    }
    if not filled:
        raise ValueError(f'test folder {folder} holds no image')
    empty = [name for i, name in enumerate(classes) if i not in filled]
    if empty:
        _warn(
            f'test folder {folder}: accuracy is that of {len(filled)} of '
            f'{len(classes)} classes; no images of {", ".join(empty)}'
        )
    return extra


def _warn(text: str) -> None:
    print_log(text, 'current', level=logging.WARNING)


def _check_not_listed(test: Path, images: str) -> None:
    """Refuse test images that the list of the images names.

    Raises:
        ValueError: If a listed file lies in the test folder.
    """
    inside = os.path.join(os.path.realpath(test), '')
    for path in read_image_list(images).paths():
        if os.path.realpath(path).startswith(inside):
            raise ValueError(
                f'image list {images} names {path}, which is in the test '
                f'folder {test}: training would see test images'
            )


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
