import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ['unit']


def unit(features: Tensor) -> Tensor:
    """Scale rows to unit length, in float32 at least."""
    if features.dtype in (torch.float16, torch.bfloat16):
        features = features.float()
    return F.normalize(features, dim=-1)
