import numpy as np

from .feature_cache import FeatureCache

__all__ = ['PairCache']


class PairCache:
    """Caches of two encoders that one pass over the images fills.

    It stands where the pass wants a `FeatureCache`; rows are the features of
    both side by side.

    Args:
        first (FeatureCache): Of D1-dimensional features, not complete.
        second (FeatureCache): Of the same images, not complete.
        width (int): D1.
    """

    def __init__(
        self, first: FeatureCache, second: FeatureCache, width: int
    ) -> None:
        self.parts = first, second
        self.width = width
        todo = np.union1d(first.todo, second.todo)
        self.run, self.data = first.run, first.data
        self.images, self.num_chunks = first.images, 0
        for part in self.parts:
            part.begin(self.run, todo)
            self.num_chunks = part.num_chunks

    @property
    def complete(self) -> bool:
        """bool: Whether all features of both are there."""
        return all(part.complete for part in self.parts)

    def samples(self, chunk: int) -> np.ndarray:
        """Return the images of a chunk."""
        return self.parts[0].samples(chunk)

    def missing(self) -> list[int]:
        """Return the chunks that one of the two lacks."""
        return sorted({c for part in self.parts for c in part.missing()})

    def write(self, chunk: int, features: np.ndarray) -> None:
        """Write the features of a chunk, (n, D1 + D2)."""
        both = np.split(features, [self.width], axis=1)
        for part, rows in zip(self.parts, both, strict=True):
            part.write(chunk, rows)

    def merge(self) -> None:
        """Make the files of both."""
        for part in self.parts:
            part.merge()
