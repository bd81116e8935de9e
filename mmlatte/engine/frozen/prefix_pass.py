import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.logging import print_log
from torch.utils.data import Dataset

from mmlatte.models.tuning import FrozenPrefix

from .feature_cache import FeatureCache
from .frozen_pass import FrozenPass

__all__ = ['PrefixPass']

GB = 1e9
DTYPES = ('float16', 'float32')


@dataclass
class PrefixPass(FrozenPass):
    """The pass of a tower's frozen part over all images, once ever.

    As `FrozenPass`, with the activations after a `FrozenPrefix` in the place
    of features: known by what an image holds, shared by ranks, resumed.

    Args:
        dtype (str): On disk: ``'float16'``, half the size, or ``'float32'``,
            with which training has the losses of the whole tower. Defaults
            to float16.
        max_gb (float): Most that they may take on disk. Defaults to 50.
        **kwargs: See `FrozenPass`.
    """

    name: ClassVar[str] = 'activations'

    dtype: str = 'float16'
    max_gb: float = 50.0

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ValueError(
                f'CachedPrefixHook: dtype={self.dtype!r}: choose from {DTYPES}'
            )

    def activations(
        self, model, dataset: Dataset, prefix: FrozenPrefix
    ) -> np.ndarray:
        """Return the activations of all images, (N, D), a map of a file.

        Args:
            model (PrototypeClassifier): On its device; its mode is kept.
            dataset (Dataset): With a pipeline of its own, which is not used.
            prefix (FrozenPrefix): Of the model's CLIP.

        Raises:
            UnreadableImagesError: Lists all images that cannot be read.
            OSError: If they are more than ``max_gb``, or than the disk holds.
        """
        self._prefix = prefix
        return self.features(model, dataset, prefix.fingerprint())

    def _open(self, key: str, images: np.ndarray) -> FeatureCache:
        folder = Path(self.cache_dir) / f'activations-{key}-{self.dtype}'
        cache = FeatureCache(folder, images, self.chunk_size, self.dtype)
        if not cache.complete:
            self._check_size(cache)
        return cache

    def _check_size(self, cache: FeatureCache) -> None:
        width = int(np.prod(self._prefix.shape))
        size = len(cache.images) * width * cache.dtype.itemsize
        Path(self.cache_dir).mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.cache_dir).free
        shape = ' x '.join(map(str, self._prefix.shape))
        said = (
            f'activations of {len(cache.images):,} images ({shape} each, '
            f'{self.dtype}) take {size / GB:.2g} GB in {cache.folder}'
        )
        if is_main_process():
            print_log(
                f'{said}, twice that while they are joined; '
                f'max_gb={self.max_gb:g}, {free / GB:.2g} GB are free',
                'current',
            )
        if size > self.max_gb * GB:
            raise OSError(
                f'{said}, more than max_gb={self.max_gb:g}: raise '
                'default_hooks.cached_prefix.max_gb, or train without the hook'
            )
        if 2 * size > free:
            raise OSError(
                f'{said}, twice that while they are joined, and '
                f'{free / GB:.2g} GB are free: name another '
                'default_hooks.zero_shot_label.cache_dir'
            )

    def _encode(self, model, inputs: torch.Tensor) -> np.ndarray:
        batch = model.data_preprocessor(dict(inputs=inputs), training=False)
        found = self._prefix(batch['inputs']).flatten(1)
        return found.to(getattr(torch, self.dtype)).cpu().numpy()
