"""What a user means by "these images"."""

import glob
import logging
import os
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from mmengine.logging import print_log

from mmlatte.datasets.image_list import is_image_list, read_image_list
from mmlatte.datasets.unlabeled_folder import image_files, left_out_line
from mmlatte.decode_image import kind_and_reason

__all__ = ['find_images']


def find_images(inputs: str | os.PathLike | Sequence) -> list[str]:
    """List the files that files, folders and globs name, each once.

    Folders are searched with their sub-folders, links to folders included,
    for the kinds of files of `UnlabeledFolder`; a warning counts what is left
    out, and names folders that cannot be read. Files that are named, or that
    a glob finds, are taken whatever their ending.

    Args:
        inputs (str | os.PathLike | Sequence): One or several of: a file, a
            folder, a glob such as ``'photos/**/*.jpg'``, a list of images
            (`read_image_list`).

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
            files = [path]
        else:
            matches = sorted(glob.glob(path, recursive=True))
            files = [file for file in matches if os.path.isfile(file)]
        if not files:
            what = (
                'holds no image' if os.path.isdir(path) else 'does not exist'
            )
            raise FileNotFoundError(f"'{path}' {what}")
        found.update(dict.fromkeys(files))
    return list(found)


def _walk(folder: str) -> list[str]:
    def left_out(error: OSError) -> None:
        print_log(f'left out: {error}', 'current', level=logging.WARNING)

    others: Counter[tuple[str, str]] = Counter()
    files = []
    found = image_files(
        folder,
        leave_out=lambda name: others.update([kind_and_reason(name)]),
        onerror=left_out,
    )
    for _, names in groupby(found, os.path.dirname):
        files += [os.path.join(folder, name) for name in sorted(names)]
    if others:
        print_log(
            f"left out of '{folder}': {left_out_line(others)}",
            'current',
            level=logging.WARNING,
        )
    return files
