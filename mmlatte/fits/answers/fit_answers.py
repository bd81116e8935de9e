"""Label all images by a few answers."""

import numpy as np
import torch

from ..frozen_features import FrozenFeatures
from ..linear_classifier import LinearClassifier
from .answers_fit import AnswersFit
from .answers_options import AnswersOptions
from .cross_fit import cross_fit, estimate_accuracy
from .given_answers import NONE, GivenAnswers
from .image_structure import ImageStructure
from .node_fit import fit_nodes

__all__ = ['PER_CLASS', 'fit_answers']

#: Answers for an estimate of accuracy. With fewer, whoever holds one out
#: often leaves a cluster without any, and the estimate is 20 points too low.
PER_CLASS = 5
#: Answered images for error rates of several annotators.
MINIMUM = 10


@torch.no_grad()
def fit_answers(
    frozen: FrozenFeatures,
    answers: GivenAnswers,
    options: AnswersOptions | None = None,
    *,
    structure: ImageStructure | None = None,
    label_free: LinearClassifier | None = None,
    estimate: bool = True,
) -> AnswersFit:
    """Fit names, answers and the structure of all images, see `fit_nodes`.

    Args:
        frozen (FrozenFeatures): N features; they are read in chunks.
        answers (GivenAnswers): Q answers. Without one that names a class,
            the result is ``label_free``.
        options (AnswersOptions, optional): Of the structure, if it is built
            here.
        structure (ImageStructure, optional): Of the same features, where it
            was built before.
        label_free (LinearClassifier, optional): What is known without
            answers. Defaults to zero-shot CLIP.
        estimate (bool): Whether to estimate the accuracy by cross-fitting.
            Defaults to True.

    Returns:
        AnswersFit: Answered images keep their answer.

    Raises:
        ValueError: If an answer is about no image, or names no class.
    """
    answers.check(len(frozen), frozen.classes)
    answers = answers.used()
    names = label_free or LinearClassifier.zero_shot(frozen)
    if not (answers.labels != NONE).any():
        # None of these alone tells no class from another.
        labels = names.labels(frozen).numpy()
        missing = np.setdiff1d(np.arange(frozen.classes), labels)
        labels[answers.rows] = NONE
        return AnswersFit(names, names, labels, answers, missing)
    structure = structure or ImageStructure.of(frozen, options)
    images = len(np.unique(answers.rows))
    several = len(np.unique(answers.annotator)) > 1
    estimate &= images >= PER_CLASS * max(2, frozen.classes)
    held_out = None
    if estimate or (several and images >= MINIMUM):
        held_out = cross_fit(
            structure, frozen, answers, names, structure.options.folds
        )
    # A rate estimated of one annotator alone is only told: the assumed one
    # serves the fit as well.
    fit = fit_nodes(
        structure,
        frozen,
        answers,
        names,
        held_out.annotators if held_out and several else None,
    )
    whole = fit.classifier
    labels = whole.labels(frozen).numpy()
    labels[labels == frozen.classes] = NONE
    one = answers.one_each()
    labels[one.rows] = one.labels
    result = AnswersFit(
        classifier=LinearClassifier(whole.weight[:-1], whole.bias[:-1]),
        with_none=whole,
        labels=labels,
        answers=answers,
        missing=np.setdiff1d(np.arange(frozen.classes), labels),
        name_weight=fit.names.weight,
        name_agreement=fit.names.agreement,
    )
    result.contradicted = _contradicted(result, frozen)
    result.held_out = held_out
    if held_out and estimate:
        result.estimate = estimate_accuracy(
            structure, frozen, answers, names, held_out, fit
        )
    return result


def _contradicted(fit: AnswersFit, frozen: FrozenFeatures) -> np.ndarray:
    """Return answered images that the fit labels otherwise, surest first."""
    answers = fit.answers.one_each()
    posteriors = fit.posteriors(frozen, answers.rows)
    wrong = np.flatnonzero(
        posteriors.argmax(axis=1) != answers.labels % posteriors.shape[1]
    )
    sure = posteriors.max(axis=1)[wrong]
    return answers.rows[wrong[np.argsort(-sure, kind='stable')]]
