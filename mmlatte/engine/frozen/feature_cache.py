import hashlib
import json
import time
from pathlib import Path

import numpy as np

from mmlatte.atomic_file import atomic_file, remove_stale_files

from .feature_files import find_features, load_features

__all__ = ['FeatureCache', 'data_name']

#: Bytes of a data set that are copied at a time.
BLOCK = 1 << 27
#: Parts of a run that never finished are removed after a week.
STALE_SECONDS = 7 * 86400


class FeatureCache:
    """Features of images on disk, found by what is in the images.

    The folder is that of one CLIP and preprocessing. In it every data set
    has a folder with ``features.npy`` (N, D), in its order, and
    ``images.npy``, the keys of its images. An image that any data set here
    holds is not computed again, whatever its name.

    While features are being computed there is one file per chunk,
    ``<data set>.<run>-NNNNN.npy``, keys and features. `merge` makes the data
    set's folder and removes them. Every file is written atomically: a killed
    run loses the chunk in flight and nothing else.

    Args:
        folder (str | Path): Folder of this CLIP and preprocessing alone.
        images (np.ndarray): Keys of the images, uint64 (N,); see `ImageTable`.
        chunk_size (int): Images per chunk. Defaults to 1024.
        dtype (str): Of the features. Defaults to float32.

    Attributes:
        data (Path): Folder of this data set.

    Examples:
        >>> import tempfile
        >>> folder, images = tempfile.mkdtemp(), np.array([7, 8], np.uint64)
        >>> cache = FeatureCache(folder, images, chunk_size=1)
        >>> cache.begin('run', cache.unknown())
        >>> cache.write(0, np.zeros((1, 4), np.float32))
        >>> cache.write(1, np.ones((1, 4), np.float32))
        >>> cache.merge()
        >>> cache.open()[:, 0].tolist()
        [0.0, 1.0]
        >>> FeatureCache(folder, np.array([9, 8], np.uint64)).unknown()
        array([0])
    """

    def __init__(
        self,
        folder: str | Path,
        images: np.ndarray,
        chunk_size: int = 1024,
        dtype: str = 'float32',
    ) -> None:
        self.folder = Path(folder)
        self.images = images
        self.chunk_size = chunk_size
        self.dtype = np.dtype(dtype)
        self.data = self.folder / data_name(images)
        self.begin('', np.zeros(0, np.int64))

    def begin(self, run: str, todo: np.ndarray) -> None:
        """Settle what is computed now.

        Args:
            run (str): Name of the run, the same for all its processes.
            todo (np.ndarray): int64 (M,), images, of `unknown`.
        """
        self.run, self.todo = run, todo
        self.num_chunks = -(-len(todo) // self.chunk_size)

    @property
    def complete(self) -> bool:
        """bool: Whether all features are there, in one file."""
        return self._merged.exists()

    @property
    def _merged(self) -> Path:
        return self.data / 'features.npy'

    def _chunk(self, chunk: int) -> Path:
        name = f'{self.data.name}.{self.run}-{chunk:05d}.npy'
        return self.folder / name

    def unknown(self) -> np.ndarray:
        """Return the images whose features are nowhere here.

        Returns:
            np.ndarray: int64 (M,), ascending.
        """
        if self.complete:
            return np.zeros(0, np.int64)
        return np.flatnonzero(~find_features(self.folder, self.images).known)

    def samples(self, chunk: int) -> np.ndarray:
        """Return the images of a chunk."""
        start = chunk * self.chunk_size
        return self.todo[start : start + self.chunk_size]

    def missing(self) -> list[int]:
        """Return the chunks that no process of this run has written yet."""
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
                f'chunk {chunk} has {expected} images, got {len(features)} '
                'rows of features'
            )
        rows = np.empty(expected, _row(features.shape[1], self.dtype))
        rows['key'] = self.images[self.samples(chunk)]
        rows['feature'] = features
        with atomic_file(self._chunk(chunk)) as file:
            np.save(file, rows)

    def merge(self) -> None:
        """Make the data set's file; does nothing if that was done before.

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
        for path in self.folder.glob('*.npy'):
            if path.name.startswith(self.data.name) or _stale(path):
                path.unlink(missing_ok=True)
        remove_stale_files(self.folder)

    def _write_merged(self) -> None:
        for chunk in range(self.num_chunks):
            self._chunk(chunk).stat()  # all are there
        found = find_features(self.folder, self.images)
        if not found.known.all():
            raise FileNotFoundError(
                f'features of {(~found.known).sum()} images were removed from '
                f'{self.folder} while others were computed; run again'
            )
        width = found.width
        with atomic_file(self.data / 'images.npy') as file:
            np.save(file, self.images)
        with atomic_file(self._merged) as file:
            header = dict(
                descr=np.lib.format.dtype_to_descr(self.dtype),
                fortran_order=False,
                shape=(len(self.images), width),
            )
            np.lib.format.write_array_header_1_0(file, header)
            block = max(1, BLOCK // (width * self.dtype.itemsize))
            for start in range(0, len(self.images), block):
                file.write(found.read(slice(start, start + block)).tobytes())

    def open(self) -> np.ndarray:
        """Map all features, (N, D), read-only.

        Raises:
            RuntimeError: If the file is damaged.
        """
        return load_features(self._merged, len(self.images))


def data_name(images: np.ndarray) -> str:
    """Return the name of a data set by the keys of its images, (N,)."""
    keys = np.ascontiguousarray(images, '<u8')
    return hashlib.sha256(keys.tobytes()).hexdigest()[:16]


def _row(width: int, dtype: np.dtype) -> np.dtype:
    return np.dtype([('key', '<u8'), ('feature', dtype, (width,))])


def _stale(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > STALE_SECONDS
    except FileNotFoundError:
        return False
