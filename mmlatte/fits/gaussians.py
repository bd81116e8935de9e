"""Gaussians with one shared covariance, fitted to features by EM."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .frozen_features import FrozenFeatures, double_precision
from .linear_classifier import LinearClassifier
from .linear_discriminants import linear_discriminants

__all__ = [
    'GaussianFit',
    'Posterior',
    'Statistics',
    'e_step',
    'fit_gaussians',
    'gaussian_parameters',
    'm_step',
    'one_hot_posterior',
    'published_shrinkage',
]

#: EM ends when a step changes no more than this share of the labels: none of
#: fewer than 10,000, and of millions not one by one for a hundred steps.
STILL = 1e-4
#: Slice of samples, their features (n, D) in double precision -> posteriors
#: (n, C).
Posterior = Callable[[slice, Tensor], Tensor]


@dataclass
class Statistics:
    r"""What an E step finds, all that an M step needs to know.

    Args:
        labels (Tensor): The most probable classes, int64 (N,).
        counts (Tensor): :math:`\sum_i \gamma_{ic}`, (C,).
        sums (Tensor): :math:`\sum_i \gamma_{ic} f_i`, (C, D).
    """

    labels: Tensor
    counts: Tensor
    sums: Tensor


@dataclass
class GaussianFit:
    """What `fit_gaussians` found.

    Args:
        classifier (LinearClassifier): In single precision.
        converged (bool): Whether the last E step changed (nearly) no label.
        iterations (int): How many M steps were made.
        changed (int): Labels that the last E step changed.
    """

    classifier: LinearClassifier
    converged: bool
    iterations: int
    changed: int


@torch.no_grad()
def fit_gaussians(
    frozen: FrozenFeatures,
    posterior: Posterior,
    *,
    iterations: int = 100,
    shrinkage: float | None = None,
    estimate_priors: bool = False,
    unused: Tensor | None = None,
) -> GaussianFit:
    r"""Run EM from given posteriors until (nearly) no label changes.

    .. math::
        \mathrm{E:}\quad \gamma_i &= \mathrm{softmax}(W f_i + b) \\
        \mathrm{M:}\quad
        \mu_c &= \textstyle\sum_i \gamma_{ic} f_i / \sum_i \gamma_{ic}, \quad
        W, b = \text{`linear_discriminants`}

    A class with less than one image in all keeps its mean, at first its text
    feature. With labels in place of posteriors and one iteration this is
    linear discriminant analysis.

    Args:
        frozen (FrozenFeatures): N features; they are read in chunks.
        posterior (Callable): The first E step.
        iterations (int): M steps at most. Defaults to 100.
        shrinkage (float, optional): s in (0, 1], of the covariance. Defaults
            to `published_shrinkage`.
        estimate_priors (bool): Let the classes' shares of the images differ.
            Defaults to False.
        unused (Tensor, optional): bool (C,), classes that get no image.

    Returns:
        GaussianFit: The classifier, and how EM ended.
    """
    means = double_precision(frozen.texts())
    second = means.new_zeros(frozen.width, frozen.width)
    for _, features in frozen.own_chunks():
        second += features.T @ features
    frozen.add_ranks(second)
    if shrinkage is None:
        shrinkage = published_shrinkage(frozen)
    labels = torch.full((len(frozen),), -1, device=means.device)
    changed, done = len(labels), 0
    for _ in range(iterations):
        found = e_step(frozen, posterior)
        changed = int((found.labels != labels).sum())
        if changed <= STILL * len(labels):
            break
        labels = found.labels
        means, classifier = m_step(
            means, found, second, shrinkage, estimate_priors
        )
        if unused is not None:
            classifier = classifier.without(unused)
        posterior = classifier.posteriors
        done += 1
    converged = changed <= STILL * len(labels)
    return GaussianFit(classifier.single(), converged, done, changed)


def e_step(frozen: FrozenFeatures, posterior: Posterior) -> Statistics:
    """Add up what the posteriors of all images say.

    Args:
        frozen (FrozenFeatures): N features; they are read in chunks.
        posterior (Callable): See `Posterior`.
    """
    sums = torch.zeros_like(double_precision(frozen.texts()))
    counts = sums.new_zeros(len(sums))
    labels = torch.zeros(len(frozen), dtype=torch.int64, device=sums.device)
    for part, features in frozen.own_chunks():
        gamma = posterior(part, features)
        labels[part] = gamma.argmax(dim=1)
        counts += gamma.sum(dim=0)
        sums += gamma.T @ features
    frozen.add_ranks(labels, counts, sums)
    return Statistics(labels, counts, sums)


def m_step(
    means: Tensor,
    found: Statistics,
    second_moment: Tensor,
    shrinkage: float,
    estimate_priors: bool = False,
) -> tuple[Tensor, LinearClassifier]:
    r"""Fit the Gaussians to posteriors.

    Estimated priors add :math:`\log((n_c + 1) / (N + C))` to :math:`b_c`.

    Args:
        means (Tensor): Of before, (C, D); classes with less than one image
            keep theirs.
        found (Statistics): What the E step found.
        second_moment (Tensor): :math:`\sum_i f_i f_i^\top`, (D, D).
        shrinkage (float): See `linear_discriminants`.
        estimate_priors (bool): Whether priors differ. Defaults to False.

    Returns:
        tuple[Tensor, LinearClassifier]: The new means and the classifier.
    """
    counts, sums = found.counts, found.sums
    known = counts.unsqueeze(1) >= 1
    means = torch.where(known, sums / counts.unsqueeze(1), means)
    weight, bias = linear_discriminants(
        means, counts, sums, second_moment, shrinkage
    )
    if estimate_priors:
        share = (counts + 1) / (len(found.labels) + len(counts))
        bias = bias + share.log()
    return means, LinearClassifier(weight, bias)


def one_hot_posterior(labels: Tensor, classes: int) -> Posterior:
    """Return labels of all images, int64 (N,), as posteriors."""
    one_hot = double_precision(torch.eye(classes, device=labels.device))
    return lambda part, features: one_hot[labels[part]]


def published_shrinkage(frozen: FrozenFeatures) -> float:
    """Return s = D / (N - 1 + D), that of GDA (arXiv 2402.04087)."""
    return frozen.width / (len(frozen) - 1 + frozen.width)


def gaussian_parameters(classes: int, width: int) -> int:
    """Count the numbers of C means and of one symmetric covariance.

    Examples:
        >>> gaussian_parameters(classes=3, width=2)
        9
    """
    return classes * width + width * (width + 1) // 2
