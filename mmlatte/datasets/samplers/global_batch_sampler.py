import copy
from collections.abc import Iterator

import numpy as np
import torch
from mmengine.dataset import DefaultSampler
from mmengine.dist import get_dist_info
from torch.utils.data import Sampler

from mmlatte.registry import DATA_SAMPLERS


class Repeats:
    """In the place of a data set: samples that an epoch draws, with repeats.

    Args:
        rows (np.ndarray): int, numbers of the samples.
    """

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)


@DATA_SAMPLERS.register_module()
class GlobalBatchSampler(Sampler):
    """Batches that are the same global batches whatever the number of ranks.

    With W ranks of batch b, global batch k of an epoch holds the samples
    ``order[k * W * b : (k + 1) * W * b]`` of the order that one process
    follows; rank r takes every W-th of them, from the r-th on. An epoch is
    one pass: nothing is repeated to round it up. Only where the last global
    batch has fewer samples than ranks, a rank without any repeats a sample of
    that batch, so that all ranks make the same number of steps; the
    classifier leaves repeats out of loss and prototypes.

    Used as ``batch_sampler=dict(type='mmlatte.GlobalBatchSampler')``.

    Args:
        sampler (DefaultSampler): Gives the order of an epoch.
        batch_size (int): b, samples per rank and step.
        drop_last (bool): Leave out a last global batch that is not full.
            Defaults to False.

    Examples:
        >>> sampler = DefaultSampler(range(5), shuffle=False)
        >>> batches = GlobalBatchSampler(sampler, batch_size=2)
        >>> list(batches)
        [[0, 1], [2, 3], [4]]
        >>> batches.skip_batches(2)
        >>> list(batches)
        [[4]]
    """

    def __init__(
        self, sampler: DefaultSampler, batch_size: int, drop_last: bool = False
    ) -> None:
        if not isinstance(sampler, DefaultSampler):
            raise TypeError(
                'GlobalBatchSampler needs the order of one process, which '
                f'{type(sampler).__name__} does not give; set '
                "sampler=dict(type='DefaultSampler', shuffle=True)"
            )
        if batch_size < 1:
            raise ValueError(f'batch_size must be positive, got {batch_size}')
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.rank, self.world_size = get_dist_info()
        self._skip = 0
        if len(self) == 0:
            raise ValueError(
                f'{len(sampler.dataset)} samples make no batch of '
                f'{self.world_size} x {batch_size}; use more images, a '
                'smaller batch_size or drop_last=False'
            )

    @property
    def global_batch_size(self) -> int:
        """int: Samples of all ranks in a full batch."""
        return self.batch_size * self.world_size

    def skip_batches(self, count: int) -> None:
        """Leave out the first batches of the next iteration, for resuming.

        Nothing is loaded for them.

        Args:
            count (int): Number of global batches.
        """
        self._skip = count

    def __iter__(self) -> Iterator[list[int]]:
        """Yield this rank's part of every global batch."""
        skip, self._skip = self._skip, 0
        order = self._order()
        if isinstance(self.sampler.dataset, Repeats):
            order = self.sampler.dataset.rows[order]
        size = self.global_batch_size
        for batch in range(skip, len(self)):
            indices = order[batch * size : (batch + 1) * size].tolist()
            yield indices[self.rank :: self.world_size] or indices[:1]

    def _order(self) -> np.ndarray:
        """The order of the epoch that one process follows, (N,)."""
        total = len(self.sampler.dataset)
        if type(self.sampler).__iter__ is DefaultSampler.__iter__:
            # The same numbers without a list of millions of objects.
            if not self.sampler.shuffle:
                return np.arange(total)
            generator = torch.Generator()
            generator.manual_seed(self.sampler.seed + self.sampler.epoch)
            return torch.randperm(total, generator=generator).numpy()
        alone = copy.copy(self.sampler)
        alone.rank, alone.world_size = 0, 1
        alone.num_samples = alone.total_size = total
        return np.fromiter(alone, np.int64)

    def __len__(self) -> int:
        """Return the number of batches of an epoch, the same on all ranks."""
        full, rest = divmod(len(self.sampler.dataset), self.global_batch_size)
        return full + (rest > 0 and not self.drop_last)
