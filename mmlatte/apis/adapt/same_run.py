"""Whether a folder of results is that of the same choices and images."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from mmengine.config import Config
from torch.utils.data import Dataset

from mmlatte.atomic_file import atomic_file
from mmlatte.datasets.sample_index import samples_of
from mmlatte.engine.frozen.image_keys import image_keys
from mmlatte.registry import DATASETS

__all__ = [
    'SeenImages',
    'check_same_run',
    'is_begun',
    'parts_of',
    'refuse_other_images',
    'results',
    'set_aside',
]

#: Beside config.py.
IMAGES = 'images.npz'
ROW = np.dtype([('name', '<u8'), ('image', '<u8')])
#: What comes of a run: the run itself, then what is made at its end.
RUN = ('run', 'config.py', IMAGES)
ENDS = ('report.html', 'predictions.csv', 'review.csv', 'exported')
#: What may differ when a run goes on elsewhere. Images are told apart by
#: what they hold, see `SeenImages`, not by their folder.
LOCAL = (
    'num_workers',
    'persistent_workers',
    'device',
    'data_root',
    'cache_dir',
    'store_dir',
    'work_dir',
    'answers',
)
#: Images that are named in a message.
NAMED = 5


def parts_of(cfg: Config, dataset: Dataset) -> dict[str, Dataset]:
    """Return the images of a run, and those that it is tested on."""
    if cfg.val_dataloader is None:
        return {'images': dataset}
    test = DATASETS.build({**cfg.val_dataloader.dataset, 'pipeline': []})
    return {'images': dataset, 'test images': test}


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
        if old.get(key) != new.get(key) and not _is_local(key)
    ]
    if different:
        raise FileExistsError(
            f'{folder} holds a run with other choices: name another --out, or '
            'remove this folder. What differs:\n    '
            + '\n    '.join(different[:10])
        )


def _is_local(key: str) -> bool:
    *parents, name = key.split('.')
    # A path, or the names themselves; the images are compared as such.
    return name in LOCAL or 'leave_out' in (name, *parents)


class SeenImages:
    """Which images a run saw, by name and contents: ``images.npz``.

    Args:
        folder (Path): Folder of the results.
        parts (dict[str, Dataset]): ``'images'``, and ``'test images'`` if
            there are.
    """

    def __init__(self, folder: Path, parts: dict) -> None:
        self.file = folder / IMAGES
        self.cache = folder / 'cache'
        self.parts = parts

    def note(self) -> None:
        """Note the images as they are, for a run that begins."""
        rows = {what: self._rows(data) for what, data in self.parts.items()}
        with atomic_file(self.file) as file:
            np.savez(file, **rows)

    def changes(self) -> str:
        """Return how they differ from those noted, '' for not at all."""
        found = []
        with np.load(self.file) as noted:
            for what, dataset in self.parts.items():
                if what in noted:
                    rows = self._rows(dataset)
                    different = _changes(noted[what], rows, dataset)
                    found += [f'{what}: {different}'] if different else []
        return '; '.join(found)

    def _rows(self, dataset) -> np.ndarray:
        rows = np.empty(len(dataset), ROW)
        rows['name'] = samples_of(dataset).keys(0, len(dataset))
        rows['image'] = image_keys(self.cache, dataset)
        return rows


def refuse_other_images(folder: Path, changes: str) -> None:
    """Refuse to train on where images have changed: it may take hours.

    Raises:
        FileExistsError: Names them, and what to do.
    """
    raise FileExistsError(
        f'{folder} holds a run on other images; {changes}. Name another '
        f'--out, or move these away: {", ".join(results(folder))}. With the '
        'cache left there, features and texts of the images that are the '
        'same are taken over'
    )


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


def _changes(before: np.ndarray, now: np.ndarray, dataset) -> str:
    """Say how rows of now differ from those of before."""
    samples = samples_of(dataset)

    def named(rows: np.ndarray) -> str:
        names = [samples.names(i, i + 1)[0] for i in rows[:NAMED].tolist()]
        return ', '.join(names) + (', ...' if len(rows) > NAMED else '')

    added = np.isin(now['name'], before['name'], invert=True)
    gone = np.isin(before['name'], now['name'], invert=True)
    # Data sets are ordered by these names.
    other = now['image'][~added] != before['image'][~gone]
    found = []
    if added.any():
        found.append(f'{added.sum()} new ({named(np.flatnonzero(added))})')
    if gone.any():
        found.append(f'{gone.sum()} gone')
    if other.any():
        changed = np.flatnonzero(~added)[other]
        found.append(f'{len(changed)} changed on disk ({named(changed)})')
    return ', '.join(found)


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
