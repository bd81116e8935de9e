"""What fits say about images whose answers were held out."""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from ..frozen_features import FrozenFeatures
from ..linear_classifier import LinearClassifier
from .accuracy_estimate import AccuracyEstimate
from .annotators import Annotators, estimate_annotators
from .given_answers import NONE, GivenAnswers
from .image_structure import ImageStructure
from .node_fit import NodeFit, fit_nodes

__all__ = ['HeldOut', 'cross_fit', 'estimate_accuracy']

#: Of an 80 % interval of a normal variable.
QUANTILE = 1.28
#: Standard deviation that is left with any number of answers: questions are
#: no random sample.
FLOOR = 0.03
#: Answers that a learning curve looks ahead.
NEXT = 20


@dataclass
class HeldOut:
    """Log posteriors of answered images, of fits without their answers.

    Args:
        logs (np.ndarray): (U, C + 1), of the images in ascending order.
        trained (float): Answered images that each fit knew, on average.
        annotators (Annotators): As these tell how often they err.
    """

    logs: np.ndarray
    trained: float
    annotators: Annotators

    def probabilities(
        self, answers: GivenAnswers, labels: np.ndarray
    ) -> np.ndarray:
        """Return how probable labels of the answered images are, (U,).

        The answers decide, as far as their annotators are right.
        """
        image = np.unique(answers.rows, return_inverse=True)[1]
        logs = self.calibrated(self.logs)
        logs = logs + self.annotators.log_likelihoods(
            answers, image, logs.shape[1]
        )
        posteriors = np.exp(log_softmax(logs, axis=1))
        return posteriors[np.arange(len(labels)), labels]

    def calibrated(self, logs: np.ndarray) -> np.ndarray:
        """Return log posteriors that are as sure as they are right."""
        return log_softmax(self.annotators.temperature * logs, axis=1)


def cross_fit(
    structure: ImageStructure,
    frozen: FrozenFeatures,
    answers: GivenAnswers,
    names: LinearClassifier,
    folds: int,
) -> HeldOut:
    """Hold out every answered image once.

    Image i, in the order of the answers, is in fold i modulo ``folds``:
    questions come by the share of images that they stand for. Images of none
    of the classes are dealt before the others.

    Args:
        structure (ImageStructure): n nodes.
        frozen (FrozenFeatures): N features.
        answers (GivenAnswers): None of them skipped.
        names (LinearClassifier): What is known without answers.
        folds (int): At least 2, at most as many as there are images.
    """
    images, first, own = np.unique(
        answers.rows, return_index=True, return_inverse=True
    )
    nodes = structure.nodes_of(frozen, images)
    # Images of none of the classes first: no fold holds out all of them.
    inside = np.ones(len(images), bool)
    inside[own[answers.labels == NONE]] = False
    fold = np.lexsort((first, inside)).argsort() % folds
    logs = np.zeros((len(images), frozen.classes + 1))
    for held in range(folds):
        test = fold == held
        fit = fit_nodes(structure, frozen, answers.part(~test[own]), names)
        logs[test] = fit.logs[nodes[test]]
    return HeldOut(
        logs,
        len(images) * (1 - 1 / folds),
        estimate_annotators(logs, answers, structure.options),
    )


def estimate_accuracy(
    structure: ImageStructure,
    frozen: FrozenFeatures,
    answers: GivenAnswers,
    names: LinearClassifier,
    held_out: HeldOut,
    fit: NodeFit,
) -> AccuracyEstimate:
    r"""Estimate the accuracy of a fit, and what more answers would bring.

    Answered images are right as far as their annotators are. For the others,
    the mean of two estimates: one is how sure the fit is of all images, by
    the temperature at which it is as sure of held-out answers as it is right;
    the other is how often fits without an answer are right about it. Typical
    images, which are asked about, are easier than others, and stand for
    clusters of different sizes, so every answer counts for the images that it
    is nearest to. As these fits know fewer answers than there are, the
    learning curve from half of the answers on is continued.

    Args:
        structure (ImageStructure): n nodes.
        frozen (FrozenFeatures): N features.
        answers (GivenAnswers): None of them skipped.
        names (LinearClassifier): What is known without answers.
        held_out (HeldOut): Of `cross_fit` with the folds of the options.
        fit (NodeFit): With all answers.
    """
    images = np.unique(answers.rows)
    nodes, count = structure.nodes_of(frozen, images), len(images)
    weight = structure.shares(frozen, images)
    half = cross_fit(structure, frozen, answers, names, 2)
    points = []
    for each in (half, held_out):
        right = each.probabilities(answers, each.logs.argmax(axis=1))
        points.append((each.trained, float(weight @ right)))
    known, mean = points[-1]
    mean = min(1.0, mean + _gain(points, known, count))
    rest = np.delete(held_out.calibrated(fit.logs), nodes, axis=0)
    sure = np.exp(rest.max(axis=1)).mean() if len(rest) else mean
    share = count / len(frozen)
    labels = answers.one_each().labels % fit.logs.shape[1]
    shown = held_out.probabilities(answers, labels).mean()
    now = float((1 - share) * (mean + sure) / 2 + share * shown)
    later = min(1.0, now + _gain(points, count, count + NEXT))
    error = QUANTILE * np.sqrt(now * (1 - now) / count + FLOOR**2)
    curve = [(round(number), accuracy) for number, accuracy in points]
    return AccuracyEstimate(
        now,
        max(0.0, now - float(error)),
        min(1.0, now + float(error)),
        [*curve, (count, now), (count + NEXT, later)],
    )


def _gain(points, before: float, after: float) -> float:
    """Extrapolate a learning curve that is linear in log answers."""
    (few, low), (more, high) = points
    slope = max(0.0, (high - low) / np.log(more / few))
    return slope * float(np.log(after / before))
