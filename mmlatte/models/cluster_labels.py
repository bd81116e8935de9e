"""Labels that are found by structure, beside those of zero-shot CLIP."""

from dataclasses import dataclass

import numpy as np
import torch
from mmengine.dist import broadcast
from torch import Tensor

from .classifiers.latteplus import LattePlusClassifier
from .frozen_features import FrozenFeatures

__all__ = ['ClusterFit', 'cluster_fit', 'cluster_labels']


@dataclass
class ClusterFit:
    """What `LattePlusClassifier` found in frozen features.

    Args:
        labels (np.ndarray): int64 (N,), at least two different ones.
        matched (bool): Whether names and clusters match.
        prototypes (Tensor, optional): Unit prototypes (C, D), of which nearly
            all labels are the nearest ones. None if there are more classes
            than dimensions, which have no such prototypes.
        scale (Tensor, optional): Cosines with them times this are logits.
    """

    labels: np.ndarray
    matched: bool
    prototypes: Tensor | None = None
    scale: Tensor | None = None


@torch.no_grad()
def cluster_labels(
    model,
    frozen: FrozenFeatures,
    own_weight: float = 1.0,
) -> np.ndarray | None:
    """Label images by the clusters of their frozen features.

    See `LattePlusClassifier`. With ``own_weight`` 0 its mistakes are others
    than those of zero-shot labels, so that it can judge who learns from the
    latter.

    Args:
        model (PrototypeClassifier): Has the CLIP, in training or not, and the
            classes.
        frozen (FrozenFeatures): N features.
        own_weight (float): See `LattePlusClassifier`. Defaults to 1.

    Returns:
        np.ndarray: int64 (N,), at least two different ones; None where
        LattePlus stays zero-shot CLIP.
    """
    return _fit(model, frozen, own_weight=own_weight)[1]


@torch.no_grad()
def cluster_fit(model, frozen: FrozenFeatures) -> ClusterFit | None:
    """Label images by the clusters of their features, and say by what.

    What the fit finds and leaves is logged.

    Args:
        model (PrototypeClassifier): See `cluster_labels`.
        frozen (FrozenFeatures): N features.

    Returns:
        ClusterFit: None where LattePlus stays zero-shot CLIP.
    """
    clusters, labels = _fit(model, frozen, verbose=True)
    if clusters is None or labels is None:
        return None
    matched = torch.tensor(clusters.matched)
    broadcast(matched)
    classes, width = clusters.weight.shape
    if classes > width:
        return ClusterFit(labels, bool(matched))
    rows, scale = clusters.as_rows(frozen, clusters.unused)
    rows, scale = rows.cpu(), torch.tensor(scale)
    broadcast(rows)
    broadcast(scale)
    return ClusterFit(labels, bool(matched), rows, scale)


def _fit(
    model, frozen: FrozenFeatures, verbose: bool = False, **kwargs
) -> tuple[LattePlusClassifier | None, np.ndarray | None]:
    """Fit and label; no labels where LattePlus stays zero-shot CLIP."""
    if len(model.class_names) < 2:
        return None, None
    device = next(model.parameters()).device
    clusters = LattePlusClassifier(
        clip=model.clip,
        class_names=model.class_names,
        templates=model.templates,
        **kwargs,
    ).to(device)
    clusters.verbose = verbose
    with torch.autocast(device.type, enabled=False):
        clusters.fit(frozen)
    labels = clusters.assign(frozen)
    several = len(labels.unique()) > 1
    found = torch.tensor(several and not clusters.kept_zero_shot)
    # The main process decides: other hardware may round another way.
    broadcast(found)
    broadcast(labels)
    return clusters, labels.numpy() if found else None
