"""Which samples a dataset has, as arrays: a few bytes for each."""

import os
from array import array
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np

from mmlatte.archives import image_status
from mmlatte.sample_key import (
    Samples,
    decode_id,
    encode_id,
    sample_keys,
)

__all__ = ['SampleIndex', 'file_sizes', 'samples_of']

#: Samples handled at a time where a Python object for each is needed.
BLOCK = 65536


class SampleTable:
    """Base of what tells about many samples at once, see `Samples`."""


class SampleIndex(SampleTable, Sequence):
    """Ids, files and labels of samples; no Python object for any of them.

    A list of dicts takes about 500 bytes for a sample. This looks like one,
    and takes 17 bytes and those of the name (18 if one has over 255).
    ``index[i]`` makes the dict ``img_path``, ``sample_id`` and, where there
    are labels, ``gt_label``; slices and `take` share the names.

    Samples are ordered by a hash of their ids. Files are usually listed class
    by class; in this order any prefix (``indices=3840``) is a fair sample,
    the same on every machine, and no label was used.

    Args:
        folder (str): Absolute path of the folder that ids are relative to.
        names (Iterable[str]): Ids, read once; bytes that are no UTF-8 as
            Python's surrogate escapes.
        labels (Sequence[int] | np.ndarray, optional): Labels in the order of
            `names`.

    Examples:
        >>> index = SampleIndex('/data', ['a/1.jpg', 'b/2.jpg'], [0, 1])
        >>> index[0]
        {'img_path': '/data/a/1.jpg', 'sample_id': 'a/1.jpg', 'gt_label': 0}
        >>> index[1:].names()
        ['b/2.jpg']
    """

    def __init__(
        self,
        folder: str,
        names: Iterable[str],
        labels: Sequence[int] | np.ndarray | None = None,
    ) -> None:
        self._prefix = os.path.join(folder, '')
        text, lengths, keys = bytearray(), array('I'), array('Q')
        stream = iter(names)
        while block := list(islice(stream, BLOCK)):
            raw = [encode_id(name) for name in block]
            text += b''.join(raw)
            lengths.extend(map(len, raw))
            keys.frombytes(sample_keys(raw).tobytes())
        # As they grew: a copy of hundreds of megabytes is saved.
        self._text = text
        wide = np.frombuffer(lengths, np.uint32)
        self._lengths = wide.astype(np.min_scalar_type(wide.max(initial=0)))
        del wide, lengths
        offset = np.uint32 if len(text) < 2**32 else np.int64
        self._starts = np.zeros(len(self._lengths), offset)
        np.cumsum(self._lengths[:-1], out=self._starts[1:], dtype=offset)
        self.labels: np.ndarray | None = None
        if labels is not None:
            self.labels = np.array(labels, np.int32)
        self._keys = np.frombuffer(keys, np.uint64)
        self._sort()

    def _sort(self) -> None:
        """Order by key; samples with one key by name, then as they came."""
        order = np.argsort(self._keys)
        keys = self._keys[order]
        same = np.flatnonzero(keys[1:] == keys[:-1])
        for first in same[np.diff(same, prepend=-2) > 1]:
            last = first + np.searchsorted(
                keys[first:], keys[first], side='right'
            )
            run = order[first:last].tolist()
            run.sort(key=lambda i: (self._raw(i), i))
            order[first:last] = run
        self._select(order)

    def _select(self, rows: np.ndarray | slice) -> None:
        # One after the other: the old one is freed before the next is made.
        self._starts = self._starts[rows]
        self._lengths = self._lengths[rows]
        self._keys = self._keys[rows]
        if self.labels is not None:
            self.labels = self.labels[rows]

    def take(self, rows: Sequence[int] | np.ndarray | slice) -> 'SampleIndex':
        """The samples of some rows, in their order."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        if not isinstance(rows, slice):
            rows = np.asarray(rows, np.int64)
        other._select(rows)
        return other

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, row):
        if isinstance(row, slice):
            return self.take(row)
        name = decode_id(self._raw(row))
        info = {'img_path': self._path(name), 'sample_id': name}
        if self.labels is not None:
            info['gt_label'] = int(self.labels[row])
        return info

    def names(
        self, start: int = 0, stop: int | None = None, step: int = 1
    ) -> list[str]:
        """Ids of the samples ``start`` to ``stop``, or each n-th of them."""
        starts = self._starts[start:stop:step].astype(np.int64)
        ends = starts + self._lengths[start:stop:step]
        text = self._text
        return [
            decode_id(text[a:b])
            for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
        ]

    def paths(
        self, start: int = 0, stop: int | None = None, step: int = 1
    ) -> list[str]:
        """Files of the samples ``start`` to ``stop``, or each n-th of them."""
        return [self._path(name) for name in self.names(start, stop, step)]

    def keys(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Keys of the samples ``start`` to ``stop``, uint64.

        See :func:`mmlatte.sample_key.sample_key`.
        """
        return self._keys[start:stop]

    @property
    def folder(self) -> str:
        """str: Absolute path of the folder that ids are relative to."""
        return os.path.dirname(self._prefix)

    @property
    def nbytes(self) -> int:
        """int: Memory of the arrays."""
        arrays = [self._starts, self._lengths, self._keys]
        arrays += [] if self.labels is None else [self.labels]
        return len(self._text) + sum(a.nbytes for a in arrays)

    def _raw(self, row: int) -> bytes:
        start = int(self._starts[row])
        return bytes(self._text[start : start + int(self._lengths[row])])

    def _path(self, name: str) -> str:
        # os.path.join takes most of the time of a long list.
        path = f'{self._prefix}{name}'
        return os.path.normpath(path) if name.startswith('..') else path


class _ForeignSamples:
    """The samples of a dataset that is not mmlatte's."""

    def __init__(self, dataset) -> None:
        self._dataset = dataset

    def _infos(self, start: int, stop: int, step: int = 1) -> list[dict]:
        rows = range(len(self._dataset))[start:stop:step]
        return [self._dataset.get_data_info(i) for i in rows]

    def names(self, start: int, stop: int) -> list[str]:
        return [
            str(info.get('sample_id', info['img_path']))
            for info in self._infos(start, stop)
        ]

    def paths(self, start: int, stop: int, step: int = 1) -> list[str]:
        return [info['img_path'] for info in self._infos(start, stop, step)]

    def keys(self, start: int, stop: int) -> np.ndarray:
        return sample_keys(map(encode_id, self.names(start, stop)))

    @property
    def labels(self) -> np.ndarray | None:
        if 'gt_label' not in self._dataset.get_data_info(0):
            return None
        infos = self._infos(0, len(self._dataset))
        return np.array([int(info['gt_label']) for info in infos])


def samples_of(dataset) -> Samples:
    """Ids, files and labels of a dataset of any kind.

    Args:
        dataset (BaseDataset): Of mmlatte (fast), mmpretrain or a project.
    """
    index = getattr(dataset, 'data_list', None)
    return (
        index if isinstance(index, SampleTable) else _ForeignSamples(dataset)
    )


def file_sizes(paths: Sequence[str], threads: int = 16) -> np.ndarray:
    """Sizes of files, asked for in threads: network disks answer slowly.

    Args:
        paths (Sequence[str]): The files.
        threads (int): How many are asked about at a time.

    Returns:
        np.ndarray: int64 (N,), -1 where there is no file.
    """
    parts = [paths[i : i + 256] for i in range(0, len(paths), 256)]
    with ThreadPoolExecutor(threads) as pool:
        found = [size for part in pool.map(_sizes, parts) for size in part]
    return np.array(found, np.int64)


def _sizes(paths: Sequence[str]) -> list[int]:
    sizes = []
    for path in paths:
        try:
            sizes.append(image_status(path)[0])
        except (OSError, ValueError):
            sizes.append(-1)
    return sizes
