import numpy as np
import torch
from mmcv.transforms import BaseTransform

from mmlatte.registry import TRANSFORMS

__all__ = ['LoadActivations']


@TRANSFORMS.register_module()
class LoadActivations(BaseTransform):
    """Put what a frozen part of a tower made of an image in its place.

    ``CachedPrefixHook`` puts it into the pipeline of the training images.

    Required keys: ``sample_idx``. Added keys: ``img``, a tensor.

    Args:
        rows (np.ndarray): Of all samples, (N, D).
        shape (tuple[int, ...]): Of one sample's, D numbers.
    """

    def __init__(self, rows: np.ndarray, shape: tuple[int, ...]) -> None:
        self.rows = rows
        self.shape = shape

    def transform(self, results: dict) -> dict:
        """Add the activations."""
        row = np.array(self.rows[results['sample_idx']])
        results['img'] = torch.from_numpy(row).view(self.shape)
        return results
