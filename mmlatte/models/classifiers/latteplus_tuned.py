"""LattePlus, and then the image tower learns what it found."""

import dataclasses
import logging

import torch
from mmengine.logging import print_log
from torch import Tensor

from mmlatte.models.cluster_labels import cluster_labels
from mmlatte.models.frozen_features import FrozenFeatures
from mmlatte.registry import MODELS

from .dpa import DPAClassifier


@MODELS.register_module()
class LattePlusTunedClassifier(DPAClassifier):
    r"""Self-training that starts from the names of `LattePlusClassifier`.

    The dual prototypes of `DPAClassifier` with another start: the first image
    prototypes are the means of the images that LattePlus gives a name, which
    many zero-shot labels miss. And with other shares of the classes: DPA draws
    its predictions to equal ones, which real folders do not have, and here
    they are drawn half-way from there to those of the n_c images of the L
    names that LattePlus gives,

    .. math::
        \pi_c = b\,[n_c > 0] / L + (1 - b)\, n_c / N, \quad b = 1/2

    in both places:

    .. math::
        \tilde p_t = \mathrm{rownorm}(\pi\, p_t / \mathrm{mean}_{32}\, p_t),
        \quad
        L_r = -\lambda_r \textstyle\sum_c \pi_c \log \mathrm{mean}_i\, p_{ic}

    The names' own shares hold their mistakes: one that took the images of
    another is twice too large. A name without images is not called for.

    Where LattePlus stays zero-shot CLIP, nothing is trained: the model stays
    it as well and says so.

    Args:
        *args: See `DPAClassifier`.
        balance (float): b, in [0, 1]. Defaults to 0.5.
        **kwargs: See `DPAClassifier`.

    Attributes:
        stays_frozen (bool): Whether LattePlus stayed zero-shot CLIP.
    """

    shares: Tensor

    def __init__(self, *args, balance: float = 0.5, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if not 0 <= balance <= 1:
            raise ValueError(f'balance must be in [0, 1], got {balance}')
        self.balance = balance
        self.shares = torch.zeros(len(self.class_names))
        self.stays_frozen = False

    @torch.no_grad()
    def set_frozen(self, frozen: FrozenFeatures) -> None:
        """Find the clusters and start from them, unless a checkpoint did."""
        if self.shares.any():
            super().set_frozen(frozen)
            return
        labels = cluster_labels(self, frozen, verbose=True)
        self.stays_frozen = labels is None
        if labels is None:
            print_log(
                'LattePlusTunedClassifier: there is nothing to learn from, '
                'and nothing is trained.',
                'current',
                level=logging.WARNING,
            )
            return
        counts = torch.from_numpy(labels).bincount(minlength=len(self.shares))
        equal = (counts > 0) / (counts > 0).sum()
        self.shares.copy_(equal.lerp(counts / len(labels), 1 - self.balance))
        super().set_frozen(dataclasses.replace(frozen, labels=labels))
