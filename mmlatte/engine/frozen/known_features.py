from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmlatte.image_table import ImageTable

from .feature_files import FoundFeatures, find_features
from .features_key import features_folder

__all__ = ['FileFeatures', 'KnownFeatures']

#: Features that are kept in memory: 16 MB at a width of 512. A report has
#: at most 2,000 test and 2,000 training images, a calibration 500.
KEPT = 8192


@dataclass
class FileFeatures:
    """What is known of the features of N files.

    Args:
        keys (np.ndarray): What the files are known by, uint64 (N,).
        found (Sequence[FoundFeatures]): Those on disk, of every encoder;
            known are images that all of them have seen.
        made (dict[int, np.ndarray]): Those in memory, by key.
    """

    keys: np.ndarray
    found: Sequence[FoundFeatures]
    made: dict[int, np.ndarray]
    known: np.ndarray = field(init=False)
    stored: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        made = np.fromiter(self.made, np.uint64, len(self.made))
        self.stored = np.full(len(self.keys), bool(self.found))
        for found in self.found:
            self.stored &= found.known
        self.known = self.stored | np.isin(self.keys, made)

    def read(self, start: int, stop: int) -> list[np.ndarray | None]:
        """Return the features (D,) of some files, None where not `known`."""
        part = np.arange(start, min(stop, len(self.keys)))
        features = [self.made.get(key) for key in self.keys[part].tolist()]
        stored = np.flatnonzero(self.stored[part])
        if len(stored):
            parts = [found.read(part[stored]) for found in self.found]
            rows = np.concatenate(parts, axis=1)
            for place, row in zip(stored.tolist(), rows, strict=True):
                features[place] = row
        return [
            feature if known else None
            for feature, known in zip(features, self.known[part], strict=True)
        ]


class KnownFeatures:
    """Features of files that need not be decoded and encoded again.

    Those that frozen passes left on disk, and the first of those that were
    made in this process. Files are recognised by what they hold: one that was
    changed is not known.

    Args:
        cache_dir (str | Path): Of the frozen passes, see `FrozenPass`.
        keys (Sequence[str]): What features depend on, see `features_key`, of
            every encoder whose features lie side by side. Empty takes none
            from disk.
        kept (int): Features that are kept in memory. Defaults to 8192.
    """

    def __init__(
        self, cache_dir: str | Path, keys: Sequence[str], kept: int = KEPT
    ) -> None:
        self.table = ImageTable(cache_dir)
        self.folders = [features_folder(cache_dir, key) for key in keys]
        self.kept = kept
        self._made: dict[int, np.ndarray] = {}

    def of(self, paths: Sequence[str]) -> FileFeatures:
        """Find out what is known of files as they are now.

        Args:
            paths (Sequence[str]): N files.
        """
        keys = self.table.of(paths).keys
        found = [find_features(folder, keys) for folder in self.folders]
        return FileFeatures(keys, found, self._made)

    def add(self, key: int, feature: np.ndarray) -> None:
        """Keep a feature (D,) that was made, while there is room."""
        if len(self._made) < self.kept:
            self._made[int(key)] = feature
