"""Labels that are found by structure, beside those of zero-shot CLIP."""

import numpy as np
import torch
from mmengine.dist import broadcast

from .classifiers.latteplus import LattePlusClassifier
from .frozen_features import FrozenFeatures

__all__ = ['cluster_labels']


@torch.no_grad()
def cluster_labels(
    model,
    frozen: FrozenFeatures,
    verbose: bool = False,
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
        verbose (bool): Say which names get no cluster, or another one.
            Defaults to False.
        own_weight (float): See `LattePlusClassifier`. Defaults to 1.

    Returns:
        np.ndarray: int64 (N,), at least two different ones; None where
        LattePlus stays zero-shot CLIP.
    """
    if len(model.class_names) < 2:
        return None
    device = next(model.parameters()).device
    clusters = LattePlusClassifier(
        clip=model.clip,
        class_names=model.class_names,
        templates=model.templates,
        own_weight=own_weight,
    ).to(device)
    clusters.verbose = verbose
    with torch.autocast(device.type, enabled=False):
        clusters.fit(frozen)
    labels = clusters.assign(frozen)
    several = len(labels.unique()) > 1
    found = torch.tensor(several and not clusters.stays_frozen)
    # The main process decides: other hardware may round another way.
    broadcast(found)
    broadcast(labels)
    return labels.numpy() if found else None
