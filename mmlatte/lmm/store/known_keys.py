"""Which texts a store holds, looked up by the million."""

import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

__all__ = ['KnownKeys']

#: Keys read or looked up at a time: little memory is needed beside them.
BLOCK = 1 << 18
#: Blocks looked up at a time.
THREADS = 4


class KnownKeys:
    """The keys of a text store at one moment: 8 bytes for each.

    Args:
        ok (np.ndarray): int64, keys of accepted texts; sorted, each once.
        bad (np.ndarray): int64, keys of texts that failed; likewise.
    """

    def __init__(self, ok: np.ndarray, bad: np.ndarray) -> None:
        self._ok, self._bad = ok, bad

    @classmethod
    def read(cls, files: Sequence[sqlite3.Connection]) -> 'KnownKeys':
        """Read the keys of all files of a store."""
        ok = [_read(file, failed=False) for file in files]
        bad = [_read(file, failed=True) for file in files]
        return cls(_union(ok), _union(bad))

    @property
    def accepted(self) -> int:
        """int: Number of accepted texts."""
        return len(self._ok)

    def holds(self, keys: np.ndarray) -> np.ndarray:
        """For which keys there is an accepted text; bool, any shape."""
        return _holds(self._ok, np.asarray(keys))

    def resolve(self, keys: np.ndarray) -> np.ndarray:
        """The keys, -1 where there is no accepted text; any shape."""
        return np.where(self.holds(keys), keys, -1)

    def failed(self, keys: np.ndarray) -> np.ndarray:
        """Which of the keys are known as failed only; bool, any shape."""
        keys = np.asarray(keys)
        found = _holds(self._bad, keys)
        if found.any():
            found &= ~_holds(self._ok, keys)
        return found


def _read(file: sqlite3.Connection, failed: bool) -> np.ndarray:
    """Keys of a file, sorted: read as text, twice as fast as row by row."""
    query = (
        "SELECT group_concat(id, ' ') FROM (SELECT id FROM texts "
        'WHERE failed=? AND id>? ORDER BY id LIMIT ?)'
    )
    count = 'SELECT count(*) FROM texts WHERE failed=?'
    file.execute('BEGIN')  # both see the same state
    keys = np.empty(
        file.execute(count, (int(failed),)).fetchone()[0], np.int64
    )
    done, last = 0, -1
    while done < len(keys):
        (text,) = file.execute(query, (int(failed), last, BLOCK)).fetchone()
        part = np.sort(np.fromstring(text, np.int64, sep=' '))
        keys[done : done + len(part)] = part
        done, last = done + len(part), int(part[-1])
    file.execute('COMMIT')
    return keys


def _union(parts: list[np.ndarray]) -> np.ndarray:
    # Files are read in the order of their keys: one needs no sorting.
    if len(parts) == 1:
        return parts[0]
    return np.unique(np.concatenate([np.empty(0, np.int64), *parts]))


def _holds(known: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Whether each key is among the sorted ``known``."""
    found = np.zeros(keys.shape, bool)
    if not len(known):
        return found
    flat, hits = keys.reshape(-1), found.reshape(-1)

    def look(start: int) -> None:
        part = flat[start : start + BLOCK]
        # In order, neighbours in memory are visited together.
        order = np.argsort(part)
        part = part[order]
        place = np.searchsorted(known, part)
        place[place == len(known)] = 0
        hits[start + order] = known[place] == part

    # NumPy sorts and searches without Python's lock.
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(look, range(0, len(flat), BLOCK)))
    return found
