"""A folder of links to images per class, to look through."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmlatte.archives import is_archived, open_image
from mmlatte.datasets.answers.answer import NONE
from mmlatte.datasets.answers.answer_arrays import NONE_LABEL
from mmlatte.datasets.class_names import folder_name

__all__ = ['link_class_folders']


def link_class_folders(
    folder: str | os.PathLike,
    ids: Sequence[str],
    paths: Sequence[str],
    class_names: Sequence[str],
    labels: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Make a folder per class, with links to its images below their ids.

    Images in archives are copied, as nothing can link to them. Moving links
    (or copies) from one folder to another corrects them:
    :func:`mmlatte.datasets.answers.read_answers` reads the folder.

    Args:
        folder (str | os.PathLike): Must not exist or be empty.
        ids (Sequence[str]): Ids of the N images.
        paths (Sequence[str]): Their files.
        class_names (Sequence[str]): Names of the C classes.
        labels (np.ndarray): int (N,), predicted classes, ``NONE_LABEL`` for
            none of them.
        scores (np.ndarray): float (N,), not used: links hold none.

    Raises:
        FileExistsError: If ``folder`` holds files.
    """
    folder = Path(folder).expanduser()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"'{folder}' exists; name a new folder")
    partial = folder.with_name(f'{folder.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)
    names = [folder_name(name) for name in class_names]
    for name in names:
        (partial / name).mkdir(parents=True)
    try:
        for image, path, label in zip(ids, paths, labels, strict=True):
            name = NONE if label == NONE_LABEL else names[label]
            link = partial / name / image
            link.parent.mkdir(parents=True, exist_ok=True)
            if is_archived(path):
                with open_image(path) as file:
                    link.write_bytes(file.read())
            else:
                link.symlink_to(os.path.abspath(path))
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
