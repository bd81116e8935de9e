"""Which images archives hold, and what is left out."""

import glob
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from mmlatte.decode_image.suffixes import IMAGE_SUFFIXES

from .open_image import ARCHIVE_SUFFIXES, open_archive
from .parquet_archive import has_image_column

__all__ = [
    'ARCHIVE_SUFFIXES',
    'ArchivedImages',
    'archive_files',
    'archived_images',
    'archives_of_folder',
    'is_archive',
]

#: What ``save_to_disk`` of ``datasets`` writes beside its Arrow files.
STATE = 'state.json'


@dataclass
class ArchivedImages:
    """The images of archives.

    Args:
        names (list[str]): Path of the archive, ``/``, name in it.
        left_out (Counter): Kind and reason -> how many are left out.
    """

    names: list[str] = field(default_factory=list)
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)


def is_archive(path: str | os.PathLike) -> bool:
    """Whether a path is a file that holds images.

    A Parquet file without a column of images is none: it may list paths.

    Raises:
        MissingPackageError: If a package is needed to tell.
        ValueError: If it is damaged.
    """
    path = os.fspath(path)
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in ARCHIVE_SUFFIXES or not os.path.isfile(path):
        return False
    return suffix != '.parquet' or has_image_column(path)


def archive_files(path: str) -> list[str]:
    """Return the archives that a path or a pattern names.

    Args:
        path (str): A file, or a pattern as ``shards/train-*.tar``.

    Returns:
        list[str]: Sorted; empty if it names something else.

    Raises:
        ValueError: If a pattern names other files, too.
    """
    if os.path.lexists(path):
        return [path] if is_archive(path) else []
    if not path.lower().endswith(ARCHIVE_SUFFIXES):
        return []
    found = sorted(glob.glob(path, recursive=True))
    others = [file for file in found if not is_archive(file)]
    if others:
        raise ValueError(f"'{path}' names '{others[0]}', which holds no image")
    return found


def archives_of_folder(
    folder: str, names: Sequence[str]
) -> tuple[list[str], Counter[tuple[str, str]]]:
    """Choose among the archives of a folder.

    Of a folder that ``save_to_disk`` of ``datasets`` wrote, the files that
    it names: those of its cache lie beside them.

    Args:
        folder (str): The folder.
        names (Sequence[str]): Files below it that end like archives.

    Returns:
        tuple: Sorted names, and kind and reason -> how many are left out.
    """
    found, left_out = [], Counter[tuple[str, str]]()
    for name in sorted(names):
        place, base = os.path.split(os.path.join(folder, name))
        suffix = os.path.splitext(base)[1].lower()
        if suffix == '.arrow' and base not in _saved(place, base):
            left_out[suffix, f'not named by {STATE}'] += 1
        elif is_archive(os.path.join(folder, name)):
            found.append(name)
        else:
            left_out[suffix, 'no column of images'] += 1
    return found, left_out


def _saved(folder: str, default: str) -> list[str]:
    path = os.path.join(folder, STATE)
    try:
        with open(path, encoding='utf-8') as file:
            state = json.load(file)
        return [entry['filename'] for entry in state['_data_files']]
    except FileNotFoundError:
        return [default]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"'{path}' is not what save_to_disk writes ({error!r}); remove "
            'it, and all Arrow files beside it are read'
        ) from error


def archived_images(
    folder: str, files: Sequence[str], suffixes: Sequence[str] = IMAGE_SUFFIXES
) -> ArchivedImages:
    """List the images of archives, in the order of these.

    Args:
        folder (str): That the paths of archives are relative to.
        files (Sequence[str]): The archives, absolute or relative to it.
        suffixes (Sequence[str]): See `Archive.images`.

    Raises:
        MissingPackageError: If a kind needs a package.
        ValueError: If one is damaged, or holds what cannot be read.
    """
    found = ArchivedImages()
    for file in files:
        path = os.path.join(folder, file)
        names, left_out = open_archive(path).images(suffixes)
        place = os.path.relpath(path, folder).replace(os.sep, '/')
        found.names += [f'{place}/{name}' for name in names]
        found.left_out += left_out
    return found
