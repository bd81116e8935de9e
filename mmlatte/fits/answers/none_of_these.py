"""How probable it is that an image shows none of the classes."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from ..frozen_features import FrozenFeatures
from ..linear_classifier import LinearClassifier
from .answers_fit import AnswersFit
from .cross_fit import cross_fit
from .given_answers import NONE
from .image_structure import ImageStructure

__all__ = ['MIN_NONE', 'NoneOfThese', 'calibrate_none']

#: Answers "none of these" that are needed, and others: who holds one out needs
#: another to learn from.
MIN_NONE = 2
#: Log odds are squashed, as large ones mean the same; and a large slope, which
#: a few answers without a slip give, costs this much. Of what was tried on the
#: choose half of the feature bank, these had the least squared error.
SQUASH, PENALTY = 3.0, 0.1


@dataclass
class NoneOfThese:
    r"""Calibrated probability of none of the classes.

    .. math:: p = \sigma(a \tanh(3 s / m) + b),\quad
        s = l_{none} - \log \sum_c \exp l_c

    Args:
        weight (Tensor): Of the logits l, none of these last, (C + 1, D).
        bias (Tensor): (C + 1,).
        calibration (Tensor): m, a and b, (3,).
    """

    weight: Tensor
    bias: Tensor
    calibration: Tensor

    def probabilities(self, features: Tensor) -> Tensor:
        """Return the probability of every image, (n,).

        Args:
            features (Tensor): Unit features, (n, D).
        """
        odds = _log_odds(features @ self.weight.T + self.bias)
        width, slope, offset = self.calibration
        return (slope * (SQUASH * odds / width).tanh() + offset).sigmoid()


def calibrate_none(
    structure: ImageStructure,
    frozen: FrozenFeatures,
    label_free: LinearClassifier,
    found: AnswersFit,
) -> NoneOfThese | None:
    """Calibrate on what fits say about answers that they were not given.

    Posteriors of a fit are far too sure. Logistic regression on the log odds
    of held-out answers sets their level, with the targets of Platt (1999).

    Args:
        structure (ImageStructure): n nodes.
        frozen (FrozenFeatures): N features.
        label_free (LinearClassifier): What is known without answers.
        found (AnswersFit): Of all answers.

    Returns:
        NoneOfThese | None: None with fewer than `MIN_NONE` answers of either
        kind: there is nothing to calibrate on.
    """
    answers, with_none = found.answers, found.with_none
    # In the order of the images, as what was held out.
    none = answers.one_each().labels == NONE
    if min(none.sum(), (~none).sum()) < MIN_NONE:
        return None
    held_out = found.held_out or cross_fit(
        structure, frozen, answers, label_free, structure.options.folds
    )
    odds = _log_odds(with_none.logits(frozen.rows(structure.rows)))
    width = max(float(odds.abs().median()), 1e-6)
    said = _log_odds(torch.from_numpy(held_out.logs)).numpy()
    slope, offset = _platt(np.tanh(SQUASH * said / width), none)
    calibration = with_none.bias.new_tensor([width, slope, offset])
    return NoneOfThese(with_none.weight, with_none.bias, calibration)


def _log_odds(logits: Tensor) -> Tensor:
    """Return the log odds of none of these, (n,), of (n, C + 1)."""
    return logits[:, -1] - logits[:, :-1].logsumexp(dim=1)


def _platt(odds: np.ndarray, none: np.ndarray) -> tuple[float, float]:
    """Return slope, not negative, and offset."""
    count = none.sum()
    target = np.where(
        none, (count + 1) / (count + 2), 1 / (len(none) - count + 2)
    )

    def loss(values):
        z = values[0] * odds + values[1]
        error = np.logaddexp(0, z) - target * z
        return error.sum() + PENALTY * values[0] ** 2

    found = minimize(loss, [1.0, 0.0], bounds=[(0, None), (None, None)])
    return float(found.x[0]), float(found.x[1])
