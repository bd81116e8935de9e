import itertools

import numpy as np
import pytest

from mmlatte.fits import FrozenFeatures
from mmlatte.fits.answers import (
    Annotators,
    AnswersOptions,
    GivenAnswers,
    choose,
    fit_answers,
)
from mmlatte.fits.answers.annotators import estimate_annotators

CLASSES, PER_CLASS, WIDTH = 5, 60, 16


@pytest.fixture
def images():
    """Return five clusters of images, names that say nothing, the truth."""
    random = np.random.default_rng(0)
    truth = random.permutation(np.repeat(np.arange(CLASSES), PER_CLASS))
    features = np.eye(WIDTH)[truth]
    features = features + 0.16 * random.normal(size=features.shape)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    features = features.astype(np.float32)
    texts = np.eye(WIDTH, dtype=np.float32)[-CLASSES:]
    labels = (features @ texts.T).argmax(axis=1)
    ones = np.ones(len(labels), np.float32)
    return FrozenFeatures(features, labels, ones, texts), truth


def err(labels, rate, seed):
    """Replace a share of the labels by other ones."""
    random = np.random.default_rng(seed)
    wrong = random.random(len(labels)) < rate
    other = random.integers(1, CLASSES, len(labels))
    return np.where(wrong, (labels + other) % CLASSES, labels)


def two(rows, truth, rates):
    """Return answers of two annotators about the same images."""
    labels = [err(truth[rows], rate, i) for i, rate in enumerate(rates)]
    return GivenAnswers(
        np.tile(rows, 2),
        np.concatenate(labels),
        annotator=np.repeat([3, 7], len(rows)),
    )


def test_likelihoods_are_those_of_every_answer():
    annotators = Annotators(np.array([3, 7]), np.array([0.1, 0.4]), 1.0)
    answers = GivenAnswers([5, 5, 9], [0, 1, -1], [1, 0.5, 1], [3, 7, 7])
    found = np.exp(
        annotators.log_likelihoods(answers, np.array([0, 0, 1]), columns=3)
    )
    first = np.array([0.9, 0.05, 0.05])
    second = 0.5 * np.array([0.2, 0.6, 0.2]) + 0.5 / 3
    np.testing.assert_allclose(found[0], first * second)
    np.testing.assert_allclose(found[1], [0.2, 0.2, 0.6])
    weights = annotators.weights(answers)
    np.testing.assert_allclose(weights, [1, 0.5 * 0.6 / 0.9, 0.6 / 0.9])


def test_estimate_is_a_fixed_point_of_em():
    """Sums over all classes of all images give the error rates back."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 4, 60)
    logs = np.log(0.1 + 0.9 * random.random((60, 4)))
    logs[np.arange(60), truth] += 4
    labels = [(truth + (random.random(60) < rate)) % 4 for rate in (0, 0.4)]
    answers = GivenAnswers(
        np.tile(np.arange(60), 2),
        np.concatenate(labels),
        annotator=np.repeat([0, 1], 60),
    )
    options = AnswersOptions(temperature=1.0, temperature_spread=0.0)
    found = estimate_annotators(logs, answers, options)
    wrong = np.zeros(2)
    for i in range(60):
        joint = np.exp(logs[i])
        for a, c in itertools.product(range(2), range(4)):
            e = found.errors[a]
            joint[c] *= 1 - e if labels[a][i] == c else e / 3
        joint /= joint.sum()
        wrong += [1 - joint[labels[a][i]] for a in range(2)]
    m, e0 = options.distrust_answers, options.distrust
    expected = (wrong + m * e0) / (60 + m)
    np.testing.assert_allclose(found.errors, expected, atol=1e-3)
    assert found.errors[0] < 0.1 < 0.3 < found.errors[1] < 0.5


def test_fit_unsure_of_its_classes_is_no_annotator_who_errs():
    """Half of the images lie between two classes, the answers are right."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 4, 200)
    logs = np.full((200, 4), -30.0)
    logs[np.arange(200), truth] = 0
    other = truth ^ 1
    between = np.arange(200) % 2 == 0
    logs[between, other[between]] = random.normal(0, 6, 100)
    answers = GivenAnswers(np.arange(200), truth)
    assert (logs.argmax(axis=1) != truth).mean() > 0.15
    found = estimate_annotators(logs, answers, AnswersOptions())
    assert found.errors[0] < 0.03


@pytest.mark.parametrize('rate', [0.0, 0.3])
def test_error_rate_of_one_annotator(images, rate):
    frozen, truth = images
    rows = choose(frozen, 100).rows
    labels = err(truth[rows], rate, seed=1)
    fit = fit_answers(frozen, GivenAnswers(rows, labels))
    wrong = (labels != truth[rows]).mean()
    assert fit.annotators.errors[0] == pytest.approx(wrong, abs=0.06)
    assert (fit.labels[rows] == labels).all()
    rest = np.setdiff1d(np.arange(len(truth)), rows)
    assert (fit.labels[rest] == truth[rest]).mean() > 0.95
    right = (fit.labels == truth).mean()
    assert fit.estimate.low <= right <= fit.estimate.high


def test_who_errs_counts_less(images):
    frozen, truth = images
    rows = choose(frozen, 40).rows
    answers = two(rows, truth, (0.0, 0.9))
    fit = fit_answers(frozen, answers, estimate=False)
    good, bad = fit.annotators.errors
    assert good < 0.1 < 0.6 < bad
    rest = np.setdiff1d(np.arange(len(truth)), rows)
    classifier = fit.classifier.labels(frozen).numpy()
    assert (classifier[rest] == truth[rest]).mean() > 0.95


def test_answers_of_two_who_agree_are_those_of_one(images):
    """Without disagreement, answering twice moves little."""
    frozen, truth = images
    rows = choose(frozen, 20).rows
    one = fit_answers(frozen, GivenAnswers(rows, truth[rows]))
    both = fit_answers(frozen, two(rows, truth, (0.0, 0.0)))
    assert (one.labels == both.labels).mean() > 0.98


def test_answers_that_the_fit_contradicts_are_shown(images):
    frozen, truth = images
    rows = choose(frozen, 30).rows
    labels = truth[rows].copy()
    labels[0] = (labels[0] + 1) % CLASSES
    fit = fit_answers(frozen, GivenAnswers(rows, labels))
    assert fit.contradicted.tolist() == [rows[0]]
    assert fit.labels[rows[0]] == labels[0]
