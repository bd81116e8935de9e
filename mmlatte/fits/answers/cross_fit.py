"""What fits say about answers that were held out."""

from dataclasses import dataclass

import numpy as np

from ..frozen_features import FrozenFeatures
from ..linear_classifier import LinearClassifier
from .accuracy_estimate import AccuracyEstimate
from .given_answers import GivenAnswers
from .image_structure import ImageStructure
from .node_fit import fit_nodes

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
) -> AccuracyEstimate:
    r"""Estimate the accuracy of a fit, and what more answers would bring.

    Typical images, which are asked about, are easier than others, and stand
    for clusters of different sizes. So every answer counts for the images
    that it is nearest to:

    .. math:: \sum_q w_q r_q

    with r_q whether a fit without answer q is right, and w_q that share of
    the images. As these fits know fewer answers than there are, the learning
    curve from half of the answers on is continued.

    Args:
        structure (ImageStructure): n nodes.
        frozen (FrozenFeatures): N features.
        answers (GivenAnswers): None of them skipped.
        names (LinearClassifier): What is known without answers.
    """
    nodes = structure.nodes_of(frozen, answers.rows)
    nearest = (structure.unit @ structure.unit[nodes].T).argmax(axis=1)
    weight = np.bincount(nearest, minlength=len(nodes)) / len(structure)
    count = len(answers)
    points = []
    for folds in (2, structure.options.folds):
        held_out = cross_fit(structure, frozen, answers, names, folds)
        points.append((held_out.trained, float(weight @ held_out.right)))
    known, mean = points[-1]
    error = np.sqrt(weight**2 @ (held_out.right - mean) ** 2 + 1e-4)
    now = min(1.0, mean + _gain(points, known, count))
    later = min(1.0, now + _gain(points, count, count + NEXT))
    curve = [(round(number), accuracy) for number, accuracy in points]
    return AccuracyEstimate(
        now,
        max(0.0, now - QUANTILE * float(error)),
        min(1.0, now + QUANTILE * float(error)),
        [*curve, (count, now), (count + NEXT, later)],
    )


def _gain(points, before: float, after: float) -> float:
    """Extrapolate a learning curve that is linear in log answers."""
    (few, low), (more, high) = points
    slope = max(0.0, (high - low) / np.log(more / few))
    return slope * float(np.log(after / before))
