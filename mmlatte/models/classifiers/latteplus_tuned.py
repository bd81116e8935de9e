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
    r"""Self-training that starts from the clusters of `LattePlusClassifier`.

    The dual prototypes of `DPAClassifier` with another start: the first image
    prototypes are the means of the clusters, which many zero-shot labels miss.
    And with other shares of the classes: DPA draws its predictions to equal
    ones, which real folders do not have, and here they are drawn to those of
    the clusters, :math:`\pi_c = n_c / N`, in both places:

    .. math::
        \tilde p_t = \mathrm{rownorm}(\pi\, p_t / \mathrm{mean}_{32}\, p_t),
        \quad
        L_r = -\lambda_r \textstyle\sum_c \pi_c \log \mathrm{mean}_i\, p_{ic}

    A name without a cluster is thus not called for.

    If the images form too few clusters, nothing is trained: the model stays
    zero-shot CLIP and says so.

    Args:
        *args: See `DPAClassifier`.
        **kwargs: See `DPAClassifier`.

    Attributes:
        stays_frozen (bool): Whether there were too few clusters.
    """

    shares: Tensor

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
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
        self.shares.copy_(counts / len(labels))
        super().set_frozen(dataclasses.replace(frozen, labels=labels))
