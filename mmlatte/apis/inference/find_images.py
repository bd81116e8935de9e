"""What a user means by "these images"."""

import glob
import logging
import os
from collections.abc import Sequence
from itertools import groupby

from mmengine.logging import print_log

from mmlatte.datasets.unlabeled_folder import visible_files

__all__ = ['find_images']


def find_images(inputs: str | os.PathLike | Sequence) -> list[str]:
    """List the files that files, folders and globs name, each once.

    Folders are searched with their sub-folders, links to folders included;
    hidden files are left out, and with a warning folders that cannot be read.
    Whether a file is an image turns out when it is read.

    Args:
        inputs (str | os.PathLike | Sequence): One or several of: a file, a
            folder, a glob such as ``'photos/**/*.jpg'``.

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
        elif os.path.exists(path):
            files = [path]
        else:
            matches = sorted(glob.glob(path, recursive=True))
            files = [file for file in matches if os.path.isfile(file)]
        if not files:
            what = 'holds no file' if os.path.isdir(path) else 'does not exist'
            raise FileNotFoundError(f"'{path}' {what}")
        found.update(dict.fromkeys(files))
    return list(found)


def _walk(folder: str) -> list[str]:
    def left_out(error: OSError) -> None:
        print_log(f'left out: {error}', 'current', level=logging.WARNING)

    files = []
    visible = visible_files(folder, left_out)
    for _, names in groupby(visible, os.path.dirname):
        files += [os.path.join(folder, name) for name in sorted(names)]
    return files
