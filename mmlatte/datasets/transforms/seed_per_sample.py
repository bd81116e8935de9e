import hashlib
import random
import struct

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from torch import Tensor

from mmlatte.registry import TRANSFORMS


@TRANSFORMS.register_module()
class SeedPerSample(BaseTransform):
    """Seed Python's, NumPy's and PyTorch's generators for every sample.

    The seed is a hash of (seed, epoch, sample index): what the following
    transforms draw does not depend on the worker, the rank, the number of
    either, or on whether the run was resumed.

    mmlatte's hooks call :meth:`bind` before training. Outside a runner, give
    a `seed`; the epoch is 0 then.

    Args:
        seed (int, optional): Fixes the seed. Defaults to the run's.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed
        self._run_seed: int | None = None
        self._epoch: Tensor | None = None

    def bind(self, seed: int, epoch: Tensor) -> None:
        """Connect the transform to a run.

        Args:
            seed (int): The run's seed, the same on all ranks.
            epoch (Tensor): () epoch counter, int64, in shared memory, so
                that persistent workers see it move.
        """
        if not epoch.is_shared():
            raise ValueError(
                'SeedPerSample.bind: epoch must be in shared memory '
                '(epoch.share_memory_()); workers would never see it move.'
            )
        self._run_seed = int(seed)
        self._epoch = epoch

    def transform(self, results: dict) -> dict:
        """Seed the generators; the sample itself stays as it is."""
        seed = self._run_seed if self.seed is None else self.seed
        if seed is None:
            raise RuntimeError(
                'SeedPerSample has no seed: it is bound before training by '
                "mmlatte's hooks; outside a runner set "
                "dict(type='mmlatte.SeedPerSample', seed=0)."
            )
        epoch = 0 if self._epoch is None else int(self._epoch)
        key = struct.pack('<3q', seed, epoch, results['sample_idx'])
        digest = hashlib.blake2b(key, digest_size=20).digest()
        for_python, for_numpy, for_torch = struct.unpack('<QIQ', digest)
        random.seed(for_python)
        np.random.seed(for_numpy)
        # torch.manual_seed() would also queue a seed for every GPU.
        torch.default_generator.manual_seed(for_torch)
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(seed={self.seed})'
