"""Accuracy of a model on labelled images."""

import logging
import os
from collections.abc import Sequence
from copy import deepcopy

from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.logging import print_log
from mmengine.registry import TRANSFORMS
from torch.utils.data import Dataset

from mmlatte.datasets.class_folder import ClassFolder
from mmlatte.datasets.decode_options_of import set_decode_options
from mmlatte.decode_image import DecodeOptions
from mmlatte.models.class_texts import check_class_texts
from mmlatte.models.classifiers import PrototypeClassifier, ZeroShotCLIP
from mmlatte.models.clip import OpenCLIP

from .image_dataset import test_pipeline
from .predict_images import predict_images

__all__ = ['check_names', 'labelled_folder', 'top1', 'zero_shot_top1']

TEMPLATE = 'a photo of a {}.'


def labelled_folder(folder: str | os.PathLike) -> ClassFolder:
    """Read a folder with a sub-folder of images per class.

    Args:
        folder (str): Its sub-folders are named like their classes.

    Raises:
        FileNotFoundError: If there is no such folder, or an empty one.
        ValueError: If there is one class only.
    """
    dataset = ClassFolder(os.path.abspath(os.path.expanduser(folder)))
    if len(dataset.metainfo['classes']) < 2:
        raise ValueError(
            f'{folder} holds one class folder: accuracy needs two or more'
        )
    return dataset


def check_names(dataset: Dataset, clip: OpenCLIP) -> None:
    """Refuse classes that a CLIP cannot tell apart by their names.

    Args:
        dataset (Dataset): Of `labelled_folder`.
        clip (OpenCLIP): The CLIP.

    Raises:
        ValueError: See `check_class_texts`.
    """
    names = dataset.metainfo['classes']
    texts = [[TEMPLATE.format(name)] for name in names]
    check_class_texts(clip.tokenizer, names, texts)


def zero_shot_top1(
    classifier: PrototypeClassifier, dataset: Dataset, config: Config
) -> float:
    """Measure how well a model's CLIP tells any classes by their names.

    Its own classes and prototypes do not matter, nor do the range and the
    bands of its own images.

    Args:
        classifier (PrototypeClassifier): In eval mode.
        dataset (Dataset): Labelled images, with ``metainfo['classes']``.
        config (Config): Of the classifier.

    Returns:
        float: Top-1 accuracy in percent with the text 'a photo of a {}.'.
    """
    steps = deepcopy(test_pipeline(config))
    set_decode_options(steps, DecodeOptions())
    model = ZeroShotCLIP(
        classifier.clip,
        class_names=dataset.metainfo['classes'],
        templates=TEMPLATE,
    )
    model.data_preprocessor = classifier.data_preprocessor
    model.to(next(classifier.parameters()).device).eval().init_weights()
    return top1(model, dataset, steps)


def top1(
    model: PrototypeClassifier,
    dataset: Dataset,
    pipeline: Sequence[dict],
    batch_size: int = 64,
) -> float:
    """Measure accuracy.

    Args:
        model (PrototypeClassifier): In eval mode.
        dataset (Dataset): Labelled images.
        pipeline (Sequence[dict]): Prepares them, in the place of its own.
        batch_size (int): Images per forward pass.

    Returns:
        float: Top-1 accuracy in percent.

    Raises:
        RuntimeError: If no image can be read; a few are left out and named.
    """
    first, *others = (TRANSFORMS.build(step) for step in pipeline)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    right, unreadable = 0, []
    for info, (path, sample, error) in zip(
        infos,
        predict_images(
            model,
            [info['img_path'] for info in infos],
            (first, Compose(others)),
            batch_size,
            num_workers=0,
        ),
        strict=True,
    ):
        if sample is None:
            unreadable.append(f'{path}: {error}')
        else:
            right += int(sample.pred_label) == info['gt_label']
    if len(unreadable) == len(infos):
        raise RuntimeError(f'no image can be read: {unreadable[:3]}')
    if unreadable:
        print_log(
            f'accuracy without {len(unreadable)} of {len(infos)} images, '
            f'which cannot be read: {unreadable[:3]}',
            'current',
            level=logging.WARNING,
        )
    return 100 * right / (len(infos) - len(unreadable))
