"""Whether a folder of results is that of the same choices and images."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from mmengine.config import Config

from mmlatte.atomic_file import atomic_file
from mmlatte.datasets.sample_index import samples_of

__all__ = [
    'check_same_run',
    'image_changes',
    'is_begun',
    'note_images',
    'results',
    'set_aside',
]

#: Beside config.py: which images the run has seen, by name and contents.
IMAGES = 'images.npy'
ROW = np.dtype([('name', '<u8'), ('image', '<u8')])
#: What comes of a run: the run itself, then what is made at its end.
RUN = ('run', 'config.py', IMAGES)
ENDS = ('report.html', 'predictions.csv', 'review.csv', 'exported')
#: What may differ when a run goes on elsewhere.
LOCAL = ('num_workers', 'persistent_workers', 'device')
#: Images that are named in a message.
NAMED = 5


def is_begun(folder: Path) -> bool:
    """Whether a folder of results holds a run with a checkpoint."""
    begun = (folder / 'run' / 'last_checkpoint').exists()
    return begun and (folder / 'config.py').exists()


def check_same_run(cfg: Config, folder: Path) -> None:
    """Refuse to mix runs of two sets of choices in one folder.

    Args:
        cfg (Config): The run.
        folder (Path): Folder of the results, with a run.

    Raises:
        FileExistsError: Names the settings that differ.
    """
    there = Config.fromfile(str(folder / 'config.py'))
    old, new = (dict(_flat(c.to_dict())) for c in (there, cfg))
    different = [
        f'{key}: {old.get(key)!r} there, {new.get(key)!r} now'
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key) and key.split('.')[-1] not in LOCAL
    ]
    if different:
        raise FileExistsError(
            f'{folder} holds a run with other choices: name another --out, or '
            'remove this folder. What differs:\n    '
            + '\n    '.join(different[:10])
        )


def note_images(folder: Path, dataset, images: np.ndarray) -> None:
    """Note which images a run sees.

    Args:
        folder (Path): Folder of the results.
        dataset (Dataset): The images.
        images (np.ndarray): What they are known by, uint64 (N,).
    """
    with atomic_file(folder / IMAGES) as file:
        np.save(file, _rows(dataset, images))


def image_changes(folder: Path, dataset, images: np.ndarray) -> str:
    """Return how the images differ from those a run saw, '' for not at all.

    Args:
        folder (Path): Folder of the results, with a run.
        dataset (Dataset): The images.
        images (np.ndarray): What they are known by, uint64 (N,).
    """
    before, now = np.load(folder / IMAGES), _rows(dataset, images)
    added = np.isin(now['name'], before['name'], invert=True)
    removed = np.isin(before['name'], now['name'], invert=True)
    # Ordered by name, in either.
    changed = np.flatnonzero(~added)[
        now['image'][~added] != before['image'][~removed]
    ]
    samples = samples_of(dataset)

    def named(rows: np.ndarray) -> str:
        names = [samples.names(i, i + 1)[0] for i in rows[:NAMED].tolist()]
        return ', '.join(names) + (', ...' if len(rows) > NAMED else '')

    found = []
    if added.any():
        found.append(f'{added.sum()} new ({named(np.flatnonzero(added))})')
    if removed.any():
        found.append(f'{removed.sum()} gone')
    if len(changed):
        found.append(f'{len(changed)} changed on disk ({named(changed)})')
    return ', '.join(found)


def results(folder: Path, names: tuple[str, ...] = RUN + ENDS) -> list[str]:
    """Return what there is of results in a folder."""
    return [name for name in names if (folder / name).exists()]


def set_aside(
    folder: Path, name: str, names: tuple[str, ...] = RUN + ENDS
) -> Path:
    """Move results into a new folder in their own; cache and answers stay.

    Args:
        folder (Path): Folder of the results.
        name (str): Name of the new folder; gets a number if it is taken.
        names (tuple[str]): Which results. Defaults to all.

    Returns:
        Path: The new folder.
    """
    target, number = folder / name, 1
    while target.exists():
        number += 1
        target = folder / f'{name}_{number}'
    there = results(folder, names)
    target.mkdir()
    for result in there:
        (folder / result).rename(target / result)
    return target


def _rows(dataset, images: np.ndarray) -> np.ndarray:
    rows = np.empty(len(images), ROW)
    rows['name'] = samples_of(dataset).keys(0, len(images))
    rows['image'] = images
    return rows


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
