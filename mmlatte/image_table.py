"""Images by what is in them, so that old results never pass for new."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from mmlatte.archives.open_image import image_status, open_image
from mmlatte.atomic_file import atomic_file
from mmlatte.progress import Progress
from mmlatte.sample_key import encode_id, sample_keys

__all__ = ['ImageKeys', 'ImageTable', 'key_name']

#: What is known of a file. ``changed`` is the time of the last change of its
#: contents or of its entry: it differs where a file took another's place with
#: size and modification time, as files of one archive share them.
ROW = np.dtype(
    [(name, '<i8') for name in ('size', 'modified', 'changed')]
    + [(name, '<u8') for name in ('path', 'key')]
)
FACTS = ('size', 'modified', 'changed')
#: Files asked about, and files read, before the next are.
BLOCK, READ = 65536, 4096
#: Files of a thread at a time. Network disks answer slowly.
PART, THREADS = 64, 16
#: Bytes of a file in memory.
CHUNK = 1 << 20
#: A file that changed so shortly before may change again without another
#: time (FAT counts in steps of two seconds): it is read next time as well.
SETTLED_NS = 2_000_000_000
#: Seconds of reading that a killed process loses.
SAVE_EVERY = 30.0
#: The size of files that are read next time whatever their times.
UNSETTLED = -2


@dataclass
class ImageKeys:
    """What images are known by.

    Args:
        keys (np.ndarray): uint64 (N,), 64 bits of a hash of a file's bytes.
            Copies have one key; two of a million images share one by chance
            with a probability of 3e-8. A file that cannot be read has a hash
            of its path.
        changed (np.ndarray): int64, positions of files that held other bytes
            when they were looked at before.
    """

    keys: np.ndarray
    changed: np.ndarray


class ImageTable:
    """Keys of images, so that a file is read only where it has changed.

    A file is known by its path, size and times. If these are the same as
    before, its key is taken over, else its bytes are hashed. The table is one
    array of 40 bytes a file, replaced whole: no locks, which network disks do
    not have. Of two processes that write at a time one loses its rows and
    reads these files again.

    Args:
        folder (str | Path): Folder of the table.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> paths = [str(folder / name) for name in ('1.png', 'copy.png')]
        >>> for path in paths:
        ...     _ = Path(path).write_bytes(b'pixels')
        >>> one, copy = ImageTable(folder).of(paths).keys
        >>> bool(one == copy)
        True
    """

    def __init__(self, folder: str | Path) -> None:
        self.file = Path(folder) / 'images.npy'

    def of(self, paths: Sequence[str]) -> ImageKeys:
        """Return the keys of files, see `keys`."""
        return self.keys(lambda start, stop: paths[start:stop], len(paths))

    def keys(
        self, paths: Callable[[int, int], Sequence[str]], total: int
    ) -> ImageKeys:
        """Return the keys of many files.

        Args:
            paths (Callable): Start, stop -> the files from here to there, so
                that not all names are in memory.
            total (int): N.
        """
        known = self._read()
        found = np.zeros(total, ROW)
        before = np.full(total, -1, np.int64)
        with ThreadPoolExecutor(THREADS) as pool:
            for start in range(0, total, BLOCK):
                part = slice(start, min(start + BLOCK, total))
                names = [os.path.abspath(p) for p in paths(start, part.stop)]
                before[part] = _look(found[part], names, known, pool)
            there = found['size'] >= 0
            todo = np.flatnonzero(there & (found['key'] == 0))
            self._read_files(found, todo, paths, known, pool)
        if len(todo):
            self._save(known, found)
        unreadable = found['key'] == 0
        found['key'][unreadable] = found['path'][unreadable]
        seen = np.flatnonzero(before >= 0)
        other = known['key'][before[seen]] != found['key'][seen]
        return ImageKeys(found['key'], seen[other])

    def _read_files(
        self,
        found: np.ndarray,
        todo: np.ndarray,
        paths: Callable[[int, int], Sequence[str]],
        known: np.ndarray,
        pool: ThreadPoolExecutor,
    ) -> None:
        """Fill in the keys of rows from the bytes of their files."""
        saved = time.monotonic()
        with Progress('images read, as new or changed', len(todo)) as shown:
            for first in range(0, len(todo), READ):
                some = todo[first : first + READ]
                names = [paths(i, i + 1)[0] for i in some.tolist()]
                # Neighbours in an archive are read together.
                order = np.argsort(names)
                some, names = some[order], [names[i] for i in order]
                now = time.time_ns()
                found['key'][some] = _asked(pool, _hash, names)
                latest = np.maximum(
                    found['modified'][some], found['changed'][some]
                )
                found['size'][some[latest > now - SETTLED_NS]] = UNSETTLED
                shown.advance(len(some))
                if time.monotonic() - saved > SAVE_EVERY:
                    self._save(known, found)
                    saved = time.monotonic()

    def saved_at(self) -> int:
        """Return when the table was last written, in ns; 0 for never."""
        return self.file.stat().st_mtime_ns if self.file.exists() else 0

    def _read(self) -> np.ndarray:
        """Return the rows of before, sorted by path."""
        try:
            return np.load(self.file)
        except FileNotFoundError:
            return np.zeros(0, ROW)
        except ValueError as error:
            raise RuntimeError(
                f'{self.file} is damaged ({error}); delete it: the images '
                'will be read once more'
            ) from error

    def _save(self, known: np.ndarray, found: np.ndarray) -> None:
        """Replace the rows of files that were read now."""
        rows = np.concatenate([found[found['key'] != 0], known])
        # The first of equal paths is kept, that of now.
        _, first = np.unique(rows['path'], return_index=True)
        with atomic_file(self.file) as file:
            np.save(file, rows[first])


def key_name(key: int) -> str:
    """Return a key as 16 hexadecimal digits."""
    return f'{int(key):016x}'


def _look(
    rows: np.ndarray,
    paths: Sequence[str],
    known: np.ndarray,
    pool: ThreadPoolExecutor,
) -> np.ndarray:
    """Fill rows with what is seen of files without reading them.

    Returns:
        np.ndarray: int64, their places among the known ones, -1 for none.
    """
    rows['path'] = sample_keys(map(encode_id, paths))
    for fact, values in zip(FACTS, _asked(pool, _stat, paths).T, strict=True):
        rows[fact] = values
    if not len(known):
        return np.full(len(rows), -1, np.int64)
    place = np.searchsorted(known['path'], rows['path'])
    place[place == len(known)] = 0
    there = known['path'][place] == rows['path']
    same = there.copy()
    for fact in FACTS:
        same &= known[fact][place] == rows[fact]
    rows['key'][same] = known['key'][place[same]]
    return np.where(there, place, -1)


def _asked(
    pool: ThreadPoolExecutor,
    ask: Callable[[Sequence[str]], np.ndarray],
    paths: Sequence[str],
) -> np.ndarray:
    """Return what threads find out about files, a row for each."""
    parts = [paths[i : i + PART] for i in range(0, len(paths), PART)]
    return np.concatenate([*pool.map(ask, parts)])


def _stat(paths: Sequence[str]) -> np.ndarray:
    """Return size and times of files, (n, 3); -1 and 0 where there is none."""
    found = np.zeros((len(paths), len(FACTS)), np.int64)
    for row, path in zip(found, paths, strict=True):
        try:
            row[:] = image_status(path)
        except (OSError, ValueError):
            row[0] = -1
    return found


def _hash(paths: Sequence[str]) -> np.ndarray:
    """Return 64 bits of the hash of files, (n,); 0 for unreadable ones."""
    found = np.zeros(len(paths), np.uint64)
    for number, path in enumerate(paths):
        digest = blake2b(digest_size=8)
        try:
            with open_image(path, buffering=0) as file:
                while part := file.read(CHUNK):
                    digest.update(part)
        except (OSError, ValueError):
            continue
        found[number] = int.from_bytes(digest.digest(), 'big')
    return found
