"""Which folder holds the texts of a data root and an LMM."""

import json
import os
import re
from pathlib import Path

from mmlatte.atomic_file import atomic_file
from mmlatte.lmm.backends.base_lmm import BaseLMM

__all__ = ['store_folder', 'store_name']


def store_folder(
    store_dir: str | Path, data_root: str | Path, lmm: BaseLMM
) -> Path:
    """Folder of one store: ``<store_dir>/<data root>/<LMM>-<fingerprint>``.

    Sample ids are relative to the data root, so two roots must not share a
    store: the folder remembers its root, and a second root of the same name
    is refused as long as the first one exists. A root that moved is
    recognised by its name.

    Args:
        store_dir (str | Path): Folder of all stores.
        data_root (str | Path): Folder of the images.
        lmm (BaseLMM): Who writes the texts.

    Returns:
        Path: The folder; made if it is not there.

    Raises:
        ValueError: If the folder belongs to another data root.
    """
    root = Path(data_root).resolve()
    name = re.sub(r'[^A-Za-z0-9._-]+', '-', root.name) or 'data'
    folder = Path(store_dir) / name
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / 'data_root.json'
    if note.exists():
        other = json.loads(note.read_text()).get('data_root', '')
        if other != str(root) and os.path.isdir(other):
            raise ValueError(
                f'{folder} holds the texts of {other}, not of {root}: give '
                'one of the two another store_dir'
            )
        if other == str(root):
            return _made(folder, lmm)
    with atomic_file(note) as file:
        file.write(json.dumps({'data_root': str(root)}).encode())
    return _made(folder, lmm)


def store_name(lmm: BaseLMM) -> str:
    """Return what the folder of an LMM's texts is called."""
    return f'{lmm.slug}-{lmm.fingerprint}'


def _made(folder: Path, lmm: BaseLMM) -> Path:
    folder = folder / store_name(lmm)
    folder.mkdir(exist_ok=True)
    return folder
