import json
from pathlib import Path

import numpy as np

from mmlatte.atomic_file import atomic_file, remove_stale_files


class FeatureCache:
    """Features (N, D) on disk, written in chunks, read as one array.

    While features are being computed the folder holds one file per chunk,
    ``NNNNN.npy``; any process may write any missing chunk. `merge` turns them
    into ``features.npy`` and removes them. Every file is written atomically:
    a killed run loses the chunk in flight and nothing else.

    Args:
        folder (str | Path): Folder of this set of features alone.
        num_samples (int): N.
        chunk_size (int): Samples per chunk. Defaults to 1024.

    Examples:
        >>> import tempfile
        >>> cache = FeatureCache(tempfile.mkdtemp(), 3, chunk_size=2)
        >>> cache.missing()
        [0, 1]
        >>> cache.write(0, np.zeros((2, 4), np.float32))
        >>> cache.write(1, np.ones((1, 4), np.float32))
        >>> cache.merge()
        >>> cache.open().shape
        (3, 4)
    """

    def __init__(
        self, folder: str | Path, num_samples: int, chunk_size: int = 1024
    ) -> None:
        self.folder = Path(folder)
        self.num_samples = num_samples
        self.chunk_size = chunk_size
        self.num_chunks = -(-num_samples // chunk_size)

    @property
    def complete(self) -> bool:
        """bool: Whether all features are there, in one file."""
        return self._merged.exists()

    @property
    def _merged(self) -> Path:
        return self.folder / 'features.npy'

    def _chunk(self, chunk: int) -> Path:
        return self.folder / f'{chunk:05d}.npy'

    def samples(self, chunk: int) -> range:
        """Return the sample indices of a chunk."""
        start = chunk * self.chunk_size
        return range(start, min(start + self.chunk_size, self.num_samples))

    def missing(self) -> list[int]:
        """Return the chunks that no process has written yet."""
        if self.complete:
            return []
        chunks = range(self.num_chunks)
        missing = [c for c in chunks if not self._chunk(c).exists()]
        # Another process may have joined, and removed, them meanwhile.
        return [] if missing and self.complete else missing

    def describe(self, meta: dict) -> None:
        """Write ``meta.json``, for a person who wonders what this is."""
        with atomic_file(self.folder / 'meta.json') as file:
            file.write(json.dumps(meta, indent=2).encode())

    def write(self, chunk: int, features: np.ndarray) -> None:
        """Write the features of a chunk, (n, D).

        Raises:
            ValueError: If the number of rows is not that of the chunk.
        """
        expected = len(self.samples(chunk))
        if len(features) != expected:
            raise ValueError(
                f'chunk {chunk} has {expected} samples, got {len(features)} '
                'rows of features'
            )
        with atomic_file(self._chunk(chunk)) as file:
            np.save(file, np.ascontiguousarray(features, dtype=np.float32))

    def merge(self) -> None:
        """Join the chunks; does nothing for them if that was done before.

        Two runs may do so at the same time.
        """
        if not self.complete:
            try:
                self._write_merged()
            except FileNotFoundError:
                # Another process was first: it removes chunks only after its
                # file is there. No lock: network disks have none to rely on.
                if not self.complete:
                    raise
        for chunk in range(self.num_chunks):
            self._chunk(chunk).unlink(missing_ok=True)
        remove_stale_files(self.folder)

    def _write_merged(self) -> None:
        first = np.load(self._chunk(0), mmap_mode='r')
        with atomic_file(self._merged) as file:
            header = dict(
                descr=np.lib.format.dtype_to_descr(first.dtype),
                fortran_order=False,
                shape=(self.num_samples, first.shape[1]),
            )
            np.lib.format.write_array_header_1_0(file, header)
            for chunk in range(self.num_chunks):
                file.write(np.load(self._chunk(chunk)).tobytes())

    def open(self) -> np.memmap:
        """Map all features, (N, D) float32, read-only.

        Raises:
            RuntimeError: If the file is damaged.
        """
        try:
            features = np.load(self._merged, mmap_mode='r')
        except ValueError as error:
            raise RuntimeError(
                f'{self._merged} is damaged ({error}); delete '
                f'{self.folder} and run again'
            ) from error
        if len(features) != self.num_samples:
            raise RuntimeError(
                f'{self._merged} holds {len(features)} features, expected '
                f'{self.num_samples}; delete {self.folder} and run again'
            )
        return features
