from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..frozen_features import FrozenFeatures, double_precision


class JointFeatures:
    """Features of several encoders, side by side, in chunks."""

    def __init__(
        self,
        frozen: FrozenFeatures,
        others: Sequence[FrozenFeatures | np.ndarray],
    ) -> None:
        self.encoders = [frozen]
        for number, other in enumerate(others, 2):
            if not isinstance(other, FrozenFeatures):
                other = replace(
                    frozen,
                    features=other,
                    class_features=np.zeros((0, other.shape[1]), np.float32),
                )
            if len(other.features) != len(frozen):
                raise ValueError(
                    f'encoder {number} has features of {len(other.features)} '
                    f'images, the first of {len(frozen)}: encode the same '
                    'images with both'
                )
            if other.classes not in (0, frozen.classes):
                raise ValueError(
                    f'encoder {number} has {other.classes} class names, the '
                    f'first {frozen.classes}: give both the same names'
                )
            self.encoders.append(other.on(frozen.device))
        self.widths = torch.tensor([e.width for e in self.encoders])

    def __iter__(self) -> Iterator[tuple[slice, Tensor]]:
        for part, first in self.encoders[0].chunks():
            rest = [encoder.rows(part) for encoder in self.encoders[1:]]
            yield part, double_precision(torch.cat([first, *rest], dim=1))

    def rows(self, which: np.ndarray) -> Tensor:
        """Return some features, (n, D)."""
        rows = [encoder.rows(which) for encoder in self.encoders]
        return double_precision(torch.cat(rows, dim=1))

    def map(self, function, dim: int = 0) -> Tensor:
        """Join what a function of features returns along N."""
        return torch.cat([function(f) for _, f in self], dim=dim)

    def unit(self, rows: Tensor) -> Tensor:
        """Scale the part of every encoder to length 1, (n, D)."""
        parts = rows.split(self.widths.tolist(), dim=-1)
        return torch.cat([F.normalize(part, dim=-1) for part in parts], dim=-1)
