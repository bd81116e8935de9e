"""Gaussian discriminant analysis without labels (arXiv 2402.04087)."""

from dataclasses import dataclass

import torch

from .fit import Fit
from .frozen_features import FrozenFeatures
from .gaussians import fit_gaussians
from .linear_classifier import LinearClassifier

__all__ = ['GDAOptions', 'fit_gda']


@dataclass(frozen=True)
class GDAOptions:
    """Options of `fit_gda`.

    Args:
        iterations (int): EM steps at most. Defaults to 100.
        shrinkage (float, optional): s in (0, 1]. Defaults to the code's.
        estimate_priors (bool): Let the classes' shares of the images differ:
            adds log((n_c + 1) / (N + C)) to b_c. Defaults to False.
    """

    iterations: int = 100
    shrinkage: float | None = None
    estimate_priors: bool = False

    def __post_init__(self) -> None:
        if self.shrinkage is not None and not 0 < self.shrinkage <= 1:
            raise ValueError(
                f'shrinkage must be in (0, 1], got {self.shrinkage}'
            )
        if self.iterations < 1:
            raise ValueError(
                f'iterations must be positive, got {self.iterations}'
            )


def fit_gda(
    frozen: FrozenFeatures, options: GDAOptions | None = None
) -> Fit[LinearClassifier]:
    r"""Fit one Gaussian per class by EM from zero-shot posteriors.

    See `fit_gaussians`; the first posteriors are
    :math:`\gamma_i = \mathrm{softmax}(s f_i^\top m)`. The paper describes
    such a variant, and its released code does not hold it: this is our
    reading. The shrinkage is the code's, :math:`\Sigma_s^{-1} \propto ((N -
    1) \Sigma + \mathrm{tr} \Sigma I)^{-1}`. The code's blend with the
    zero-shot logits, whose weight it tunes on labels, is left out.

    Args:
        frozen (FrozenFeatures): N features; they are read in chunks.
        options (GDAOptions, optional): Defaults to the default ones.
    """
    options = options or GDAOptions()
    found = fit_gaussians(
        frozen,
        LinearClassifier.zero_shot(frozen).double().posteriors,
        iterations=options.iterations,
        shrinkage=options.shrinkage,
        estimate_priors=options.estimate_priors,
    )
    classifier = found.classifier
    return Fit(
        classifier,
        labels=classifier.labels(frozen),
        unused=torch.zeros_like(classifier.bias, dtype=torch.bool),
        notes=(
            f'EM: {found.changed} of {len(frozen)} labels changed in the '
            f'last of {found.iterations} steps',
        ),
    )
