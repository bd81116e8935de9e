import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..frozen_features import FrozenFeatures


@dataclass
class JoinedEncoders:
    r"""What fits see of two encoders.

    Args:
        frozen (FrozenFeatures): :math:`[f_1, B^\top (f_2 - m)]`, (N, d1 + k);
            class features are those of the first encoder, and 0.
        mean (Tensor): m, (d2,).
        basis (Tensor): B, (d2, k).
    """

    frozen: FrozenFeatures
    mean: Tensor
    basis: Tensor

    def widen(self, found: Any) -> Any:
        """Return the same fit, of whole features side by side.

        Every linear classifier in it, one of none of the classes included,
        takes (n, d1 + d2) features.

        Args:
            found (Fit | LinearClassifier | NoneOfThese): Of ``frozen``'s rows.
        """
        if 'weight' in vars(found):
            weight, bias = self._whole(found.weight, found.bias)
            return dataclasses.replace(found, weight=weight, bias=bias)
        parts = {
            name: self.widen(part)
            for name, part in vars(found).items()
            if dataclasses.is_dataclass(part) and 'weight' in vars(part)
        }
        return dataclasses.replace(found, **parts)

    def _whole(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        basis = self.basis.to(weight)
        width = weight.shape[1] - basis.shape[1]
        second = weight[:, width:] @ basis.T
        whole = torch.cat([weight[:, :width], second], dim=1)
        return whole, bias - second @ self.mean.to(second)
