"""Autocast where it must not act, and what it keeps."""

import torch
from torch import Tensor

__all__ = ['forget_casts', 'full_precision']


def full_precision(like: Tensor) -> torch.autocast:
    """Switch autocast off: cosines and prototypes are never half precision.

    Args:
        like (Tensor): A tensor on the device in question.
    """
    return torch.autocast(like.device.type, enabled=False)


def forget_casts() -> None:
    """Call after a pass without gradients, before one with, under autocast.

    Autocast keeps the weights that it casts. In older versions of torch,
    those of a pass without gradients also served the next, which then had
    none.
    """
    torch.clear_autocast_cache()
