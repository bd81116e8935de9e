"""Where data samples stand in `FrozenFeatures`."""

import torch
from mmpretrain.structures import DataSample
from torch import Tensor

from mmlatte.fits import FrozenFeatures

__all__ = ['labels_of', 'sample_indices']


def sample_indices(data_samples: list[DataSample]) -> Tensor:
    """Return the rows of data samples in `FrozenFeatures`, (B,) on the host.

    Raises:
        ValueError: If a sample has no index.
    """
    if not all('sample_idx' in sample for sample in data_samples):
        raise ValueError(
            "a training sample has no sample_idx: add 'sample_idx' to the "
            'meta_keys of mmpretrain.PackInputs in the train pipeline'
        )
    return torch.tensor([sample.sample_idx for sample in data_samples])


def labels_of(
    frozen: FrozenFeatures, data_samples: list[DataSample]
) -> Tensor:
    """Look up zero-shot labels of data samples, (B,) int64 on the host.

    Examples:
        >>> import numpy as np
        >>> eye, ones = np.eye(2, dtype=np.float32), np.ones(2, np.float32)
        >>> frozen = FrozenFeatures(eye, np.array([0, 1]), ones, eye)
        >>> sample = DataSample(metainfo=dict(sample_idx=1))
        >>> labels_of(frozen, [sample]).tolist()
        [1]
    """
    which = sample_indices(data_samples)
    return torch.from_numpy(frozen.labels[which.numpy()])
