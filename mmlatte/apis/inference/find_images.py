"""What a user means by "these images"."""

import glob
import logging
import os
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from mmengine.logging import print_log

from mmlatte.archives import (
    ARCHIVE_SUFFIXES,
    archived_images,
    archives_of_folder,
    is_archive,
    is_archived,
)
from mmlatte.datasets.image_list import is_image_list, read_image_list
from mmlatte.datasets.unlabeled_folder import image_files, left_out_line
from mmlatte.decode_image import kind_and_reason

__all__ = ['find_images']


def find_images(inputs: str | os.PathLike | Sequence) -> list[str]:
    """List the files that files, folders and globs name, each once.

    Folders are searched with their sub-folders, links to folders included,
    for the kinds of files of `UnlabeledFolder`; a warning counts what is left
    out, and names folders that cannot be read. Of archives (tar, Parquet and
    Arrow files with images) all images are taken. Other files that are named,
    or that a glob finds, are taken whatever their ending.

    Args:
        inputs (str | os.PathLike | Sequence): One or several of: a file, a
            folder, a glob such as ``'photos/**/*.jpg'``, a list of images
            (`read_image_list`), an archive, a member of one.

    Returns:
        list[str]: Paths in the order of the inputs, sorted within a folder.

    Raises:
        FileNotFoundError: If one of them names nothing.
    """
    if isinstance(inputs, (str, os.PathLike)):
        inputs = [inputs]
    found: dict[str, None] = {}  # a set that keeps the order
    for item in inputs:
        path = os.path.expanduser(os.fspath(item))
        if os.path.isdir(path):
            files = _walk(path)
        elif is_image_list(path):
            files = read_image_list(path).paths()
        elif os.path.exists(path):
            files = _taken(path)
        elif is_archived(path):
            files = [path]
        else:
            matches = sorted(glob.glob(path, recursive=True))
            files = [
                f for m in matches if os.path.isfile(m) for f in _taken(m)
            ]
        if not files:
            there = os.path.lexists(path)
            what = 'holds no image' if there else 'does not exist'
            raise FileNotFoundError(f"'{path}' {what}")
        found.update(dict.fromkeys(files))
    return list(found)


def _taken(path: str) -> list[str]:
    """Return a file, or the images of an archive."""
    if not is_archive(path):
        return [path]
    folder, name = os.path.split(path)
    found = archived_images(folder, [name])
    _warn_of(path, found.left_out)
    return [os.path.join(folder, name) for name in found.names]


def _walk(folder: str) -> list[str]:
    def warn(error: OSError) -> None:
        print_log(f'left out: {error}', 'current', level=logging.WARNING)

    others: Counter[tuple[str, str]] = Counter()
    archives: list[str] = []

    def leave_out(name: str) -> None:
        if name.lower().endswith(ARCHIVE_SUFFIXES):
            archives.append(name)
        else:
            others[kind_and_reason(name)] += 1

    files = []
    found = image_files(folder, leave_out=leave_out, onerror=warn)
    for _, names in groupby(found, os.path.dirname):
        files += [os.path.join(folder, name) for name in sorted(names)]
    if files:
        others.update(map(kind_and_reason, archives))
    else:
        archives, more = archives_of_folder(folder, archives)
        inside = archived_images(folder, archives)
        files = [os.path.join(folder, name) for name in inside.names]
        others += more + inside.left_out
    _warn_of(folder, others)
    return files


def _warn_of(path: str, left_out: Counter[tuple[str, str]]) -> None:
    if left_out:
        print_log(
            f"left out of '{path}': {left_out_line(left_out)}",
            'current',
            level=logging.WARNING,
        )
