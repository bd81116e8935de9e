"""Taking a model away: open_clip, transformers, ONNX, TorchScript."""

import os
import shutil
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
from mmlatte.apis.export.bundle import Bundle, read_preprocessing
from mmlatte.apis.export.check import Comparison, compare, predict_here
from mmlatte.apis.export.model_card import model_card, read_summary
from mmlatte.apis.find_images import find_images
from mmlatte.apis.latteclip_inferencer import test_pipeline
from mmlatte.apis.load_classifier import load_classifier, load_run_config
from mmlatte.registry import DATASETS

__all__ = ['FORMATS', 'export_model']

FORMATS = {
    'open_clip': open_clip_folder,
    'hf': hf_folder,
    'onnx': onnx_file,
    'torchscript': torchscript_file,
}

#: Formats that take the image tower with all that a tuning added.
GRAPHS = ('onnx', 'torchscript')


def export_model(
    model: str | Config,
    to: str,
    out: str | os.PathLike,
    checkpoint: str | None = None,
    images: str | Sequence[str] | None = None,
    temperature: float = 1.0,
    tolerance: float = 1e-4,
    max_images: int = 100,
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

    Returns:
        Comparison: The differences. They stand in the model card, too.

    Raises:
        ValueError: If the model does not fit the format, or predicts by
            more than prototypes.
        FileExistsError: If `out` holds files.
        RuntimeError: If the export differs from the model; nothing is left.
    """
    if to not in FORMATS:
        raise ValueError(f'to={to!r}: choose from {[*FORMATS]}')
    out = Path(out).expanduser()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"'{out}' exists; name a new folder")
    config, found = load_run_config(model)
    checkpoint = checkpoint or found
    paths = _images(config, images, max_images)
    classifier = load_classifier(config, checkpoint, device='cpu')
    if not classifier.uses_prototypes_only:
        raise ValueError(
            f'{type(classifier).__name__} does not predict by the nearest '
            'prototype, and exports hold nothing else; use tools/predict.py'
        )
    try:
        classifier.clip = classifier.clip.untuned()
    except ValueError:
        if to not in GRAPHS:
            raise  # a graph holds whatever the image tower does
    bundle = Bundle(
        classifier, read_preprocessing(config, classifier), temperature
    )
    module = FORMATS[to]
    partial = out.with_name(f'{out.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        module.save(bundle, partial)
        expected = predict_here(bundle, paths, test_pipeline(config))
        comparison = compare(module, partial, paths, expected, tolerance)
        summary = read_summary(checkpoint and Path(checkpoint).parent)
        card = model_card(
            bundle, config, summary, comparison, module.CARD, bool(checkpoint)
        )
        (partial / 'README.md').write_text(card, encoding='utf-8')
        if out.exists():
            out.rmdir()
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    print_log(f'{to}: {out}, checked: {comparison}', 'current')
    return comparison


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
        dataset = DATASETS.build({**loader.dataset, 'pipeline': []})
    except (OSError, RuntimeError, ValueError) as error:
        raise RuntimeError(
            f'the test images of the config are not here ({error}); give '
            'images to compare on'
        ) from error
    count = min(max_images, len(dataset))
    return [dataset.get_data_info(i)['img_path'] for i in range(count)]
