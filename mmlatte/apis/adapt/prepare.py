"""What every way into a folder needs first: its images, answers and CLIP."""

from collections.abc import Sequence
from pathlib import Path

from mmlatte.apis.preflight import PreflightError
from mmlatte.datasets.unlabeled_folder import read_class_names
from mmlatte.models.clip import OpenCLIP
from mmlatte.registry import DATASETS, MODELS

from .answers_record import AnswersRecord
from .options import AdaptOptions
from .settings import clip_settings

__all__ = ['build_clip', 'open_record']


def open_record(
    images: str, classes: str | Sequence[str], folder: Path
) -> AnswersRecord:
    """List the images of a folder, and read what was answered about them.

    Args:
        images (str): Folder of the images.
        classes (str | Sequence[str]): Class names, or a text file with one a
            line.
        folder (Path): Folder of the results.
    """
    names = read_class_names(classes)
    dataset = DATASETS.build(
        dict(
            type='mmlatte.UnlabeledFolder',
            data_root=images,
            classes=names,
            pipeline=[],
        )
    )
    return AnswersRecord(folder, images, dataset, names)


def build_clip(options: AdaptOptions) -> OpenCLIP:
    """Build the CLIP that was chosen, on its device.

    Raises:
        PreflightError: If its weights cannot be had.
    """
    settings = clip_settings(options.clip)
    try:
        return MODELS.build(settings).to(options.device)
    except RuntimeError as error:
        raise PreflightError(f'CLIP weights: {error}') from error
