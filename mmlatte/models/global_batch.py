"""The batches of all ranks as one, with gradient."""

import torch
import torch.distributed as dist
import torch.nn.functional as F
from mmengine.dist import all_gather, get_rank, get_world_size
from mmpretrain.structures import DataSample
from torch import Tensor

from mmlatte.models.clip.text_encoding import to_device
from mmlatte.models.sample_rows import sample_indices

__all__ = ['GlobalBatch', 'first_occurrences', 'global_batch']


class GlobalBatch:
    """Turns the tensors of this rank into those of the global batch.

    Built once per step from the number of local samples; ranks may hold
    different numbers. With one rank every method returns its input.

    Gradients: every rank computes the same loss on the same gathered tensors,
    so the gradient of the loss with respect to the own slice is exact on its
    own rank. `gather` scales it by the number of ranks W, which cancels the
    1/W of the gradient average that DistributedDataParallel takes; parameters
    used outside `gather` (``logit_scale``) have W equal gradients, whose
    average is right as it is. No communication happens in backward.

    Args:
        num_samples (int): Number of samples of this rank.
        device (torch.device): Device on which ranks communicate.
    """

    def __init__(self, num_samples: int, device: torch.device) -> None:
        self.rank = get_rank()
        self.world_size = get_world_size()
        self.sizes = [num_samples]
        if self.world_size > 1:
            size = torch.tensor([num_samples], device=device)
            self.sizes = torch.cat(all_gather(size)).tolist()

    def gather(self, local: Tensor) -> Tensor:
        """Concatenate (B_r, ...) of all ranks r to (B, ...), with gradient."""
        if self.world_size == 1:
            return local
        return _Gather.apply(local, self.sizes, self.rank)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, local: Tensor, sizes: list[int], rank: int) -> Tensor:
        ctx.sizes, ctx.rank = sizes, rank
        longest = max(sizes)
        padding = [0, 0] * (local.dim() - 1) + [0, longest - len(local)]
        padded = F.pad(local.contiguous(), padding)
        parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(parts, padded)
        return torch.cat([p[:n] for p, n in zip(parts, sizes, strict=True)])

    @staticmethod
    def backward(ctx, gradient: Tensor):
        own = gradient.split(ctx.sizes)[ctx.rank]
        return own * len(ctx.sizes), None, None


def first_occurrences(ids: Tensor) -> Tensor:
    """Mark the first occurrence of every id: False where a sample repeats.

    A rank without a sample in the last global batch repeats one of that
    batch; repeats must not count.

    Args:
        ids (Tensor): Sample ids of the global batch, (B,).

    Returns:
        Tensor: bool, (B,).
    """
    same = ids.unsqueeze(0) == ids.unsqueeze(1)
    return ~same.tril(diagonal=-1).any(dim=1)


def global_batch(
    data_samples: list[DataSample], device: torch.device
) -> tuple[GlobalBatch, Tensor, Tensor]:
    """Return the global batch, its sample ids and which of them count.

    Args:
        data_samples (list[DataSample]): Of this rank, with ``sample_idx``.
        device (torch.device): Device on which ranks communicate.

    Returns:
        tuple: The batch, ids (B,) and a bool mask (B,), False for samples
        that only pad the batch.
    """
    batch = GlobalBatch(len(data_samples), device)
    ids = batch.gather(to_device(sample_indices(data_samples), device))
    return batch, ids, first_occurrences(ids)
