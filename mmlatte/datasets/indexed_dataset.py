from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
from mmengine.dataset import force_full_init
from mmpretrain.datasets import BaseDataset

from .sample_index import SampleIndex


class IndexedDataset(BaseDataset):
    """A dataset whose samples are arrays, so that millions of them fit.

    What mmengine keeps as pickled dicts is a `SampleIndex` here, in memory
    that loading workers share. The rest is mmengine's ``BaseDataset``.
    """

    @abstractmethod
    def load_data_list(self) -> SampleIndex:
        """List the samples."""

    def full_init(self) -> None:
        """Load the index, see mmengine."""
        # It is compact already; mmengine would make it a list of dicts.
        self.serialize_data = False
        super().full_init()

    @force_full_init
    def get_data_info(self, idx: int) -> dict:
        """Return path, id, number and, if there is one, label of a sample."""
        info = self.data_list[idx]
        info['sample_idx'] = idx if idx >= 0 else len(self) + idx
        return info

    @force_full_init
    def get_gt_labels(self) -> np.ndarray:
        """Return the labels of all samples, (N,) int64.

        Raises:
            ValueError: If the data has no labels.
        """
        if self.data_list.labels is None:
            raise ValueError(f'{type(self).__name__} has no labels')
        return self.data_list.labels.astype(np.int64)

    def _get_unserialized_subset(
        self, indices: Sequence[int] | int
    ) -> SampleIndex:
        if isinstance(indices, int):
            part = slice(indices) if indices >= 0 else slice(indices, None)
            return self.data_list[part]
        return self.data_list.take(indices)
