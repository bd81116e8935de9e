"""Features of images on disk, wherever they lie in a folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ['FoundFeatures', 'find_features', 'load_features']


@dataclass
class FoundFeatures:
    """Where the features of M images lie.

    Args:
        sources (list): Files of features.
        owner (np.ndarray): int32 (M,), which file; -1 for none.
        row (np.ndarray): int64 (M,), which row of it.
    """

    sources: list['_Source']
    owner: np.ndarray
    row: np.ndarray

    @property
    def width(self) -> int:
        """int: D, where there is any file."""
        return self.sources[0].features().shape[1]

    @property
    def known(self) -> np.ndarray:
        """np.ndarray: bool (M,), whether there are features."""
        return self.owner >= 0

    def read(self, part: slice | np.ndarray) -> np.ndarray:
        """Read the features of some images that have some.

        Args:
            part (slice | np.ndarray): Which of the M.

        Returns:
            np.ndarray: (n, D), of the files' type.
        """
        owner, row = self.owner[part], self.row[part]
        blocks = {n: self.sources[n].features() for n in np.unique(owner)}
        dtype = self.sources[0].features().dtype
        found = np.empty((len(owner), self.width), dtype)
        for number, features in blocks.items():
            mine = owner == number
            found[mine] = features[row[mine]]
        return found


@dataclass
class _Source:
    """A file of features, and whose they are.

    Opened when it is needed: a map holds a file, and a process may hold
    about a thousand.
    """

    path: Path
    keys: np.ndarray

    def features(self) -> np.ndarray:
        """Map the features, (n, D)."""
        raise NotImplementedError


class _DataSet(_Source):
    def features(self) -> np.ndarray:
        return load_features(self.path, len(self.keys))


class _Chunk(_Source):
    def features(self) -> np.ndarray:
        return np.load(self.path, mmap_mode='r')['feature']


def find_features(folder: Path, images: np.ndarray) -> FoundFeatures:
    """Find out where features lie, in the files of whatever data set.

    Args:
        folder (Path): Of one encoder and preprocessing, see `FeatureCache`.
        images (np.ndarray): Keys of images, uint64 (M,).
    """
    found = FoundFeatures(
        [],
        np.full(len(images), -1, np.int32),
        np.zeros(len(images), np.int64),
    )
    for number, source in enumerate(_sources(folder)):
        found.sources.append(source)
        if not len(source.keys):
            continue
        order = np.argsort(source.keys)
        keys = source.keys[order]
        place = np.searchsorted(keys, images)
        place[place == len(keys)] = 0
        here = (keys[place] == images) & ~found.known
        found.owner[here], found.row[here] = number, order[place[here]]
        if found.known.all():
            break
    return found


def _sources(folder: Path) -> Iterator[_Source]:
    """Find files of features, of data sets first, then of chunks."""
    for path in sorted(folder.glob('*/features.npy')):
        yield _DataSet(path, np.load(path.with_name('images.npy')))
    for path in sorted(folder.glob('*.npy')):
        try:
            keys = np.array(np.load(path, mmap_mode='r')['key'])
        except FileNotFoundError:
            continue  # merged meanwhile
        yield _Chunk(path, keys)


def load_features(path: Path, count: int) -> np.ndarray:
    """Map a file of features, (N, D) float32, read-only.

    Args:
        path (Path): ``features.npy`` of a data set.
        count (int): N.

    Raises:
        RuntimeError: If the file is damaged.
    """
    try:
        features = np.load(path, mmap_mode='r')
    except ValueError as error:
        raise RuntimeError(
            f'{path} is damaged ({error}); delete {path.parent} and run again'
        ) from error
    if len(features) != count:
        raise RuntimeError(
            f'{path} holds {len(features)} features, expected {count}; '
            f'delete {path.parent} and run again'
        )
    return features
