"""The probability that an image shows none of the classes."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmlatte.fits import FrozenFeatures
from mmlatte.fits.answers import NONE, GivenAnswers, NoneOfThese, fit_answered

COUNT, DIM = 400, 16


@pytest.fixture(scope='module')
def clusters():
    """Two classes, and a third that no name is for, of many tight groups.

    A fit is sure of every group, and knows some of them only.
    """
    draw = np.random.default_rng(0)
    centres = draw.normal(size=(60, DIM))
    group = draw.integers(0, 60, COUNT)
    truth = group % 3
    features = centres[group] + 0.3 * draw.normal(size=(COUNT, DIM))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    texts = centres[:2] / np.linalg.norm(centres[:2], axis=1, keepdims=True)
    features, texts = features.astype(np.float32), texts.astype(np.float32)
    cosines = features @ texts.T
    frozen = FrozenFeatures(
        features, cosines.argmax(1), cosines.max(1), texts, scale=20.0
    )
    return frozen, np.where(truth == 2, NONE, truth)


def fitted(clusters, rows):
    frozen, labels = clusters
    frozen.answers = GivenAnswers(rows, labels[rows])
    return fit_answered(frozen)


def test_the_probability_is_that_of_the_formula():
    none = NoneOfThese(
        torch.tensor([[2.0, 0], [0, 1], [1, 1]]),
        torch.tensor([0.0, 0.5, 0.25]),
        torch.tensor([2.0, 1.5, -0.5]),
    )
    x = torch.tensor([0.6, 0.8])
    odds = 1.65 - np.log(np.exp(1.2) + np.exp(1.3))
    expected = 1 / (1 + np.exp(-(1.5 * np.tanh(3 * odds / 2) - 0.5)))
    assert none.probabilities(x[None]).item() == pytest.approx(expected)


def test_it_is_nearer_to_the_truth_than_the_posterior(clusters):
    frozen, labels = clusters
    fit = fitted(clusters, np.arange(40))
    rest = slice(40, None)
    true = labels[rest] == NONE
    none = fit.none.probabilities(frozen.rows(rest)).numpy()
    posterior = fit.found.none_probability(frozen)[rest]
    error = np.square(none - true).mean()
    assert error < np.square(posterior - true).mean()
    assert error < true.var()
    assert abs(none.mean() - true.mean()) < 0.1
    assert any('held-out answers' in note for note in fit.notes)


def test_it_orders_images_as_the_fit_does(clusters):
    frozen, _ = clusters
    fit = fitted(clusters, np.arange(40))
    logits = fit.found.with_none.logits(frozen.rows())
    odds = logits[:, -1] - logits[:, :-1].logsumexp(dim=1)
    order = fit.none.probabilities(frozen.rows())[odds.argsort()]
    assert (order.diff() >= -1e-6).all() and order[-1] > order[0]


@pytest.mark.parametrize('kind', ['none of these', 'classes'])
def test_one_answer_of_a_kind_calibrates_nothing(clusters, kind):
    _, labels = clusters
    rare = (labels == NONE) == (kind == 'none of these')
    rows = np.concatenate(
        [np.flatnonzero(~rare)[:10], np.flatnonzero(rare)[:1]]
    )
    fit = fitted(clusters, rows)
    assert fit.none is None
    counts = (1, 10) if kind == 'none of these' else (10, 1)
    told = '{} answers say so and {} do not'.format(*counts)
    assert any(told in note for note in fit.notes)


def test_where_held_out_answers_deny_the_fit_all_images_get_the_share():
    """A fit that errs on answers that it is not given orders nothing."""
    from mmlatte.fits.answers.none_of_these import _platt

    none = np.arange(20) % 4 == 0
    slope, offset = _platt(np.where(none, -1.0, 1.0), none)
    assert slope == 0
    share = F.sigmoid(torch.tensor(offset)).item()
    assert share == pytest.approx((5 * 6 / 7 + 15 / 17) / 20, abs=1e-3)


@pytest.mark.parametrize('second', range(1, 8))
def test_two_answers_are_never_held_out_together(clusters, second):
    """Wherever they stand among the answers, there is something to learn."""
    frozen, labels = clusters
    outside, inside = (np.flatnonzero((labels == NONE) == x) for x in (1, 0))
    rows = inside[:30]
    rows = np.insert(rows, [0, second - 1], outside[:2])
    fit = fitted(clusters, rows)
    probabilities = fit.none.probabilities(frozen.rows())
    assert probabilities.std() > 0
