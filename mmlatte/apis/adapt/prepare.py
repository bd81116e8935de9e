"""What every way into a folder needs first: its images, answers and CLIP."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from torch import nn

from mmlatte.apis.images import FolderImages, open_folder
from mmlatte.apis.preflight import PreflightError
from mmlatte.datasets.class_names import ClassList, read_class_list
from mmlatte.datasets.image_list import image_root
from mmlatte.decode_image import DecodeOptions
from mmlatte.models.clip import OpenCLIP
from mmlatte.registry import MODELS

from .answering.answers_record import AnswersRecord
from .options import AdaptOptions, default_template
from .prompt_names import known_prompt_names

__all__ = ['OpenedFolder', 'build_clip', 'build_encoder', 'open_images']


@dataclass
class OpenedFolder:
    """A folder of images, and what was answered about them.

    Args:
        images (str): The folder, or a list of images.
        found (FolderImages): Its images, and how they are read.
        listed (ClassList): The classes, as they were given.
        record (AnswersRecord): The answers.
    """

    images: str
    found: FolderImages
    listed: ClassList
    record: AnswersRecord

    def options(self, choices: Mapping[str, Any]) -> AdaptOptions:
        """Return the choices, with what is known of images and classes.

        Args:
            choices (Mapping[str, Any]): Of `AdaptOptions`.
        """
        listed, record = self.listed.descriptions, self.record
        descriptions = dict(listed)
        if listed and record.added:
            template = default_template(choices.get('describe', 'photo'))
            added = {n: [template.format(n)] for n in record.added}
            descriptions |= added
            print_log(
                f'nothing describes the classes {record.added}, which answers '
                f'added: {[*added.values()]} stand for them',
                'current',
                level=logging.WARNING,
            )
        options = AdaptOptions(
            images=self.images,
            classes=self.record.classes,
            synonyms=self.listed.synonyms,
            descriptions=descriptions,
            out=str(self.record.folder),
            **{**choices, 'range': self.found.look.options.range},
        )
        options.prompt_names = known_prompt_names(options)
        return options


def open_images(
    images: str,
    classes: str | Sequence[str],
    folder: Path,
    choices: Mapping[str, Any],
    keep: bool = True,
) -> OpenedFolder:
    """List the images of a folder, and read what was answered about them.

    Args:
        images (str): Folder of the images.
        classes (str | Sequence[str]): Class names, or a file of them, see
            `read_class_list`.
        folder (Path): Folder of the results.
        choices (Mapping[str, Any]): Of `AdaptOptions`.
        keep (bool): Whether the list of unreadable images is written.

    Raises:
        FileNotFoundError: If there is no image.
        AnswersError: If something is wrong with the answers on file.
    """
    listed = read_class_list(classes)
    found = open_folder(
        images,
        listed.names,
        DecodeOptions(choices.get('range'), choices.get('bands')),
        choices.get('skip_unreadable', False),
        folder if keep else None,
        choices.get('workers', 0),
    )
    if found.look.mostly_dark:
        print_log(f'{found.look}', 'current', level=logging.WARNING)
    record = AnswersRecord(
        folder, image_root(images), found.dataset, listed.names
    )
    return OpenedFolder(images, found, listed, record)


def build_clip(options: AdaptOptions) -> OpenCLIP:
    """Build the CLIP that was chosen, on its device.

    Raises:
        PreflightError: If its weights cannot be had.
    """
    try:
        return MODELS.build(options.clip_settings()).to(options.device)
    except RuntimeError as error:
        raise PreflightError(f'CLIP weights: {error}') from error


def build_encoder(options: AdaptOptions) -> nn.Module | None:
    """Build the second encoder that was chosen, on its device.

    Raises:
        PreflightError: If its weights cannot be had.
    """
    settings = options.encoder_settings()
    if settings is None:
        return None
    try:
        return MODELS.build(settings).to(options.device)
    except RuntimeError as error:
        raise PreflightError(f'second encoder: {error}') from error
