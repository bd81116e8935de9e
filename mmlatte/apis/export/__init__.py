"""Taking a model away: open_clip, transformers, ONNX, TorchScript."""

import os
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import print_log

from mmlatte.apis.export import (
    hf_folder,
    onnx_file,
    open_clip_folder,
    torchscript_file,
)
from mmlatte.apis.inference.find_images import find_images
from mmlatte.apis.inference.image_dataset import test_pipeline
from mmlatte.apis.inference.load_classifier import (
    load_classifier,
    load_run_config,
)
from mmlatte.atomic_file import atomic_folder
from mmlatte.datasets.wrappers import with_pipeline
from mmlatte.models.clip import OpenCLIP, untuned
from mmlatte.registry import DATASETS

from .bundle import Bundle, read_preprocessing
from .check import (
    CheckImages,
    Comparison,
    compare,
    predict_here,
)
from .interpolate import measure
from .model_card import model_card

__all__ = ['FORMATS', 'check_export_formats', 'export_model']

FORMATS = {
    'open_clip': open_clip_folder,
    'hf': hf_folder,
    'onnx': onnx_file,
    'torchscript': torchscript_file,
}

#: Formats that take the image tower with all that a tuning added.
GRAPHS = ('onnx', 'torchscript')


def check_export_formats(
    formats: Sequence[str], clip: OpenCLIP | None
) -> None:
    """Find out before a training whether its model can be exported.

    Args:
        formats (Sequence[str]): Of `export_model`.
        clip (OpenCLIP | None): The CLIP; None checks the packages only.

    Raises:
        ValueError: If a format is not known or cannot hold the CLIP.
        RuntimeError: If a package that a format needs is not installed.
    """
    for to in formats:
        if to not in FORMATS:
            raise ValueError(f'export format {to!r}: choose from {[*FORMATS]}')
        FORMATS[to].check(None if clip is None else _plain(clip, to))


def export_model(
    model: str | Config,
    to: str,
    out: str | os.PathLike,
    checkpoint: str | None = None,
    images: str | Sequence[str] | None = None,
    temperature: float = 1.0,
    tolerance: float = 1e-4,
    max_images: int = 100,
    interpolate: float | None = None,
    also_check: str | None = None,
) -> Comparison:
    """Export a model, reload the export and compare both on real images.

    Args:
        model (str | Config): Work folder of a run, checkpoint or config.
        to (str): ``'open_clip'``, ``'hf'``, ``'onnx'`` or ``'torchscript'``.
        out (str): Folder of the export; must not exist or be empty.
        checkpoint (str, optional): Weights for a config.
        images (str | Sequence[str], optional): Files, folders or globs to
            compare on. Defaults to the config's test images.
        temperature (float): Of the confidence. Defaults to 1.
        tolerance (float): Largest difference that is no error, in features
            and in confidences. Defaults to 1e-4.
        max_images (int): How many images are compared. Defaults to 100.
        interpolate (float, optional): Share of the trained weights; the rest
            is the CLIP that they started from, so that less of it is
            forgotten (WiSE-FT, arXiv 2109.01903). Defaults to all.
        also_check (str, optional): Folder with a sub-folder of images per
            class that have nothing to do with the run: the card tells the
            zero-shot accuracy there, and that of the CLIP it started from.

    Returns:
        Comparison: The differences. They stand in the model card, too.

    Raises:
        ValueError: If the model does not fit the format, or predicts by
            more than prototypes, or cannot be interpolated.
        FileExistsError: If `out` holds files.
        RuntimeError: If a package is missing, or the export differs from
            the model; nothing is left.
    """
    check_export_formats([to], None)
    out = Path(out).expanduser()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"'{out}' exists; name a new folder")
    config, found = load_run_config(model)
    checkpoint = checkpoint or found
    paths = _images(config, images, max_images)
    classifier = load_classifier(config, checkpoint, device='cpu')
    if classifier.second_encoder is not None:
        raise ValueError(
            f'{type(classifier).__name__} predicts by two encoders, and '
            'exports hold one: use tools/predict.py; or, for one CLIP that '
            'learned the labels of both, name the encoder as '
            'default_hooks.frozen_features.second_encoder (tools/adapt.py '
            '--encoder ... --export ...)'
        )
    if not classifier.uses_prototypes_only:
        raise ValueError(
            f'{type(classifier).__name__} does not predict by the nearest '
            'prototype, and exports hold nothing else; use tools/predict.py'
        )
    classifier.clip = _plain(classifier.clip, to)
    measured = measure(classifier, config, interpolate, also_check)
    bundle = Bundle(
        classifier, read_preprocessing(config, classifier), temperature
    )
    module = FORMATS[to]
    pipeline = test_pipeline(config)
    checked = CheckImages(paths, pipeline)
    with atomic_folder(out) as partial:
        module.save(bundle, partial)
        expected = predict_here(bundle, checked, pipeline)
        comparison = compare(module, partial, checked, expected, tolerance)
        run = Path(checkpoint).parent if checkpoint else None
        facts = measured.facts()
        card = model_card(bundle, config, comparison, module.CARD, run, facts)
        # A folder's name may hold bytes that are no UTF-8.
        (partial / 'README.md').write_text(
            card, encoding='utf-8', errors='replace'
        )
    print_log(f'{to}: {out}, checked: {comparison}', 'current')
    return comparison


def _plain(clip: OpenCLIP, to: str) -> OpenCLIP:
    """Return the CLIP without a tuning's additions, where that is needed."""
    try:
        return untuned(clip)
    except ValueError:
        if to not in GRAPHS:
            raise
        return clip  # a graph holds whatever the image tower does


def _images(config: Config, images, max_images: int) -> list[str]:
    """Return the files to compare on."""
    if images is not None:
        paths = find_images(images)
        if not paths:
            raise ValueError('images: there is none to compare on')
        return paths[:max_images]
    loader = config.get('test_dataloader') or config.get('val_dataloader')
    if loader is None:
        raise ValueError(
            'the config names no test images: give images to compare on'
        )
    try:
        dataset = DATASETS.build(with_pipeline(loader.dataset, []))
    except (OSError, RuntimeError, ValueError) as error:
        raise RuntimeError(
            f'the test images of the config are not here ({error}); give '
            'images to compare on'
        ) from error
    count = min(max_images, len(dataset))
    return [dataset.get_data_info(i)['img_path'] for i in range(count)]
