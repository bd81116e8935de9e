"""What fits say about answers that were held out."""

from dataclasses import dataclass

import numpy as np

from ..frozen_features import FrozenFeatures
from ..linear_classifier import LinearClassifier
from .accuracy_estimate import AccuracyEstimate
from .given_answers import GivenAnswers
from .image_structure import ImageStructure
from .node_fit import NodeFit, fit_nodes

__all__ = ['HeldOut', 'cross_fit', 'estimate_accuracy']

#: Of an 80 % interval of a normal variable.
QUANTILE = 1.28
#: Answers that a learning curve looks ahead.
NEXT = 20


@dataclass
class HeldOut:
    """Posteriors of answered images, of fits without their answers.

    Args:
        posteriors (np.ndarray): (Q, C + 1).
        labels (np.ndarray): The answers, none of these as C, (Q,).
        trained (float): Answers that each fit knew, on average.
    """

    posteriors: np.ndarray
    labels: np.ndarray
    trained: float

    @property
    def right(self) -> np.ndarray:
        """np.ndarray: Whether the most probable class is the answer, (Q,)."""
        return self.posteriors.argmax(axis=1) == self.labels


def cross_fit(
    structure: ImageStructure,
    frozen: FrozenFeatures,
    answers: GivenAnswers,
    names: LinearClassifier,
    folds: int,
) -> HeldOut:
    """Hold out every answer once, answer q in fold q modulo ``folds``."""
    columns, count = frozen.classes + 1, len(answers)
    nodes = structure.nodes_of(frozen, answers.rows)
    fold = np.arange(count) % folds
    posteriors = np.zeros((count, columns))
    for held in range(folds):
        test = fold == held
        fit = fit_nodes(structure, frozen, answers.part(~test), names)
        posteriors[test] = fit.posteriors[nodes[test]]
    return HeldOut(posteriors, answers.labels % columns, count - count / folds)


def estimate_accuracy(
    structure: ImageStructure,
    frozen: FrozenFeatures,
    answers: GivenAnswers,
    names: LinearClassifier,
    held_out: HeldOut,
    fit: NodeFit,
) -> AccuracyEstimate:
    r"""Estimate the accuracy of a fit, and what more answers would bring.

    Typical images, which are asked about, are easier than others. So every
    answer counts for the images that it is nearest to, and the confidence of
    the fit corrects for how much surer it is of the answered ones:

    .. math::
        \sum_q w_q r_q + \lambda \Big(\tfrac1n \sum_i p_i
            - \sum_q w_q p_q\Big)

    with r_q whether a fit without answer q is right, p the probability of
    the label, and w_q the share of images; lambda is the slope of r on p.
    """
    nodes = structure.nodes_of(frozen, answers.rows)
    share = np.bincount(
        (structure.unit @ structure.unit[nodes].T).argmax(axis=1),
        minlength=len(nodes),
    )
    weight = share / share.sum()
    right = held_out.right.astype(float)
    sure = held_out.posteriors.max(axis=1)
    centred = sure - weight @ sure
    spread = weight @ centred**2
    slope = (weight @ (centred * right)) / (spread + 0.02)
    slope = float(np.clip(slope, 0, 1))
    mean = weight @ right + slope * (
        fit.posteriors.max(axis=1).mean() - weight @ sure
    )
    half = cross_fit(structure, frozen, answers, names, folds=2)
    early = weight @ half.right
    points = [(half.trained, early), (held_out.trained, weight @ right)]
    count = len(answers)
    now = float(np.clip(mean + _gain(points, held_out.trained, count), 0, 1))
    later = float(np.clip(now + _gain(points, count, count + NEXT), 0, 1))
    error = np.sqrt((weight**2) @ (right - weight @ right) ** 2 + 1e-4)
    return AccuracyEstimate(
        now,
        max(0.0, now - QUANTILE * float(error)),
        min(1.0, now + QUANTILE * float(error)),
        [
            (round(half.trained), float(early)),
            (round(held_out.trained), float(weight @ right)),
            (count, now),
            (count + NEXT, later),
        ],
    )


def _gain(points, before: float, after: float) -> float:
    """Extrapolate a learning curve that is linear in log answers."""
    (few, low), (more, high) = points
    slope = max(0.0, (high - low) / np.log(more / few))
    return 0.5 * slope * float(np.log(after / before))
