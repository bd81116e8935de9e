from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
from mmengine.dataset import force_full_init
from mmpretrain.datasets import BaseDataset

from mmlatte.sample_key import encode_id, sample_keys

from .sample_index import SampleIndex
from .unreadable_file import read_unreadable


class IndexedDataset(BaseDataset):
    """A dataset whose samples are arrays, so that millions of them fit.

    What mmengine keeps as pickled dicts is a `SampleIndex` here, in memory
    that loading workers share. The rest is mmengine's ``BaseDataset``.

    Args:
        *args: Of ``BaseDataset``.
        leave_out (str | Sequence[str], optional): Ids of images that are no
            part of it, or a CSV file with them in its column ``image``, such
            as ``unreadable.csv``.
        **kwargs: Of ``BaseDataset``.
    """

    def __init__(
        self, *args, leave_out: str | Sequence[str] | None = None, **kwargs
    ) -> None:
        self.leave_out = leave_out
        super().__init__(*args, **kwargs)

    @abstractmethod
    def load_data_list(self) -> SampleIndex:
        """List the samples."""

    def full_init(self) -> None:
        """Load the index, see mmengine."""
        # It is compact already; mmengine would make it a list of dicts.
        self.serialize_data = False
        super().full_init()

    def filter_data(self) -> SampleIndex:
        """Leave out what `leave_out` names.

        Raises:
            ValueError: If nothing is left.
        """
        if not self.leave_out:
            return self.data_list
        ids = self.leave_out
        if isinstance(ids, str):
            ids = read_unreadable(ids)
        gone = sample_keys(map(encode_id, ids))
        kept = np.flatnonzero(~np.isin(self.data_list.keys(), gone))
        if not len(kept):
            raise ValueError(
                f'all {len(self.data_list)} images are left out by leave_out'
            )
        return self.data_list.take(kept)

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
