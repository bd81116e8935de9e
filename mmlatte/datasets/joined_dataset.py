"""Several data sets as one, whose samples are known by one number each."""

import os
from collections.abc import Sequence

import numpy as np
from mmengine.dataset import BaseDataset as EngineDataset
from mmpretrain.datasets import BaseDataset

from mmlatte.sample_key import encode_id, sample_keys

from .sample_index import SampleIndex, SampleTable, samples_of

__all__ = ['JoinedDataset']


class _Parts:
    """Which part, and which of its samples, a number means."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.starts = np.cumsum([0, *sizes])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def find(self, row: int) -> tuple[int, int]:
        part = int(np.searchsorted(self.starts, row, side='right')) - 1
        return part, row - int(self.starts[part])

    def spans(self, start: int, stop: int) -> list[tuple[int, int, int]]:
        """Parts of a range of samples: (part, first row, last row + 1)."""
        found = []
        for part, begin in enumerate(self.starts[:-1].tolist()):
            end = int(self.starts[part + 1])
            first, last = max(start, begin), min(stop, end)
            if first < last:
                found.append((part, first - begin, last - begin))
        return found


class _Samples(SampleTable):
    """The samples of all parts, see `mmlatte.sample_key.Samples`."""

    def __init__(self, datasets: Sequence, root: str, parts: _Parts) -> None:
        self._samples = [samples_of(dataset) for dataset in datasets]
        self._parts, self._root = parts, root

    def __len__(self) -> int:
        return len(self._parts)

    def _bounds(self, start: int, stop: int | None) -> tuple[int, int]:
        return start, len(self) if stop is None else min(stop, len(self))

    def names(
        self, start: int = 0, stop: int | None = None, step: int = 1
    ) -> list[str]:
        """Paths relative to the folder of all parts, on any system."""
        return [
            os.path.relpath(path, self._root).replace(os.sep, '/')
            for path in self.paths(start, stop, step)
        ]

    def paths(
        self, start: int = 0, stop: int | None = None, step: int = 1
    ) -> list[str]:
        """Files of the samples."""
        found: list[str] = []
        for part, first, last in self._parts.spans(*self._bounds(start, stop)):
            found += self._samples[part].paths(first, last)
        return [os.path.abspath(path) for path in found][::step]

    def keys(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """See :func:`mmlatte.sample_key.sample_key`."""
        names = self.names(start, stop)
        return sample_keys(map(encode_id, names))

    @property
    def labels(self) -> np.ndarray | None:
        """Labels of all parts; None if one has none."""
        found = [samples.labels for samples in self._samples]
        if any(labels is None for labels in found):
            return None
        return np.concatenate(found)


class _Pipelines:
    """Sends every sample through the pipeline of its part."""

    def __init__(self, datasets: Sequence, parts: _Parts) -> None:
        self._pipelines = [dataset.pipeline for dataset in datasets]
        self._parts = parts

    @property
    def transforms(self) -> list:
        """list: Those of all parts."""
        return [t for one in self._pipelines for t in one.transforms]

    def __call__(self, info: dict) -> dict | None:
        part, _ = self._parts.find(info['sample_idx'])
        return self._pipelines[part](info)


class JoinedDataset(BaseDataset):
    """Data sets behind one another, each with its own pipeline.

    A sample's number is its place in all of them, and its id its path relative
    to the folder that holds all of them, which is ``data_root``.

    Args:
        datasets (Sequence[BaseDataset]): With the same classes.

    Raises:
        ValueError: If their classes differ.
    """

    def __init__(self, datasets: Sequence[EngineDataset]) -> None:
        self.datasets = list(datasets)
        classes = [data.metainfo.get('classes') for data in self.datasets]
        for one in classes:
            if one != classes[0]:
                raise ValueError(
                    'data sets that are joined must have the same classes in '
                    f'the same order: {classes[0]} and {one}'
                )
        self._metainfo = dict(self.datasets[0].metainfo)
        self._parts = _Parts([len(data) for data in self.datasets])
        self.data_root = os.path.commonpath(
            [
                os.path.dirname(os.path.abspath(path))
                for data in self.datasets
                for path in _some_paths(data)
            ]
        )
        self.data_list = _Samples(self.datasets, self.data_root, self._parts)
        self.pipeline = _Pipelines(self.datasets, self._parts)
        self.serialize_data = self.test_mode = False
        self.max_refetch = self.datasets[0].max_refetch
        self._fully_initialized = True

    def full_init(self) -> None:
        """Do nothing: the parts are there."""

    def load_data_list(self) -> list:
        """Not used."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self._parts)

    def get_data_info(self, idx: int) -> dict:
        """Return what the part knows, under the number and id of here."""
        idx = idx if idx >= 0 else len(self) + idx
        part, row = self._parts.find(idx)
        info = dict(self.datasets[part].get_data_info(row))
        name = self.data_list.names(idx, idx + 1)[0]
        return {**info, 'sample_id': name, 'sample_idx': idx}


def _some_paths(dataset: EngineDataset) -> list[str]:
    """Paths whose common folder is that of all samples."""
    samples = samples_of(dataset)
    if isinstance(samples, SampleIndex):
        return [os.path.join(samples.folder, 'x')]
    return samples.paths(0, len(dataset))
