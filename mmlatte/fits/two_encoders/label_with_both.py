import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import torch

from ..fit import Fit
from ..frozen_features import FrozenFeatures
from ..gaussians import fit_gaussians, one_hot_posterior
from ..linear_classifier import LinearClassifier
from .join_encoders import join_encoders

__all__ = ['label_with_both']

Fitted = TypeVar('Fitted', bound=Fit)


@torch.no_grad()
def label_with_both(
    frozen: FrozenFeatures, fit: Callable[[FrozenFeatures], Fitted]
) -> Fitted:
    """Fit both encoders; classify by the features of the first alone.

    The labels are those of both. The classifier is the Gaussians of the first
    encoder's features by these labels (one M step): it needs no second
    encoder for new images. Without one this is ``fit(frozen)``.

    Args:
        frozen (FrozenFeatures): N features, maybe those of a second encoder.
        fit (Callable): Of a linear classifier, such as `fit_latteplus`.
    """
    if frozen.second is None:
        return fit(frozen)
    joined = join_encoders(frozen).frozen
    found = fit(joined)
    if found.kept_zero_shot:
        classifier = LinearClassifier.zero_shot(frozen)
        return dataclasses.replace(found, classifier=classifier)
    best = found.classifier.labels(joined)
    labels = torch.where(found.labels >= 0, found.labels, best)
    gaussians = fit_gaussians(
        frozen,
        one_hot_posterior(labels.to(frozen.device), frozen.classes),
        iterations=1,
        estimate_priors=True,
        unused=found.unused,
    )
    # What tells images of none of the classes reads both encoders.
    changes: dict[str, Any] = {'none': None} if 'none' in vars(found) else {}
    changes['classifier'] = gaussians.classifier
    return dataclasses.replace(found, **changes)
