"""Whether a folder of results is that of the same choices and images."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from mmengine.config import Config

from mmlatte.datasets.sample_index import samples_of

__all__ = ['IMAGES', 'check_same_run', 'fingerprint']

#: Beside config.py: how many images the run has seen, and which.
IMAGES = 'images.json'
#: What may differ when a run goes on elsewhere.
LOCAL = ('num_workers', 'persistent_workers', 'device')


def fingerprint(dataset) -> dict:
    """Number of images, and a digest of their names."""
    keys = samples_of(dataset).keys(0, len(dataset))
    digest = hashlib.sha256(np.ascontiguousarray(keys, '<u8'))
    return dict(count=len(dataset), names=digest.hexdigest())


def check_same_run(cfg: Config, seen: dict, folder: Path) -> None:
    """Refuse to mix two runs in one folder.

    Args:
        cfg (Config): The run.
        seen (dict): Its images, see `fingerprint`.
        folder (Path): Folder of the results.

    Raises:
        FileExistsError: Names the settings that differ.
    """
    path = folder / 'config.py'
    begun = (folder / 'run' / 'last_checkpoint').exists()
    if not path.exists() or not begun:
        return
    old, new = (
        dict(_flat(c.to_dict())) for c in (Config.fromfile(str(path)), cfg)
    )
    different = [
        f'{key}: {old.get(key)!r} there, {new.get(key)!r} now'
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key) and key.split('.')[-1] not in LOCAL
    ]
    before = json.loads((folder / IMAGES).read_text())
    if before['count'] != seen['count']:
        different.insert(
            0, f'images: {before["count"]} there, {seen["count"]} now'
        )
    elif before != seen:
        different.insert(
            0, f'images: {seen["count"]}, but not with the same names'
        )
    if different:
        raise FileExistsError(
            f'{folder} holds a run with other choices or images: name another '
            '--out, or remove this folder. What differs:\n    '
            + '\n    '.join(different[:10])
        )


def _flat(node, prefix: str = '') -> Iterator[tuple[str, object]]:
    """Yield dotted keys and values of a config."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _flat(value, f'{prefix}.{key}' if prefix else key)
    elif isinstance(node, (list, tuple)):
        for number, value in enumerate(node):
            yield from _flat(value, f'{prefix}.{number}')
    else:
        yield prefix, node
