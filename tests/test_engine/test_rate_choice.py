"""The learning rate and the stop, from curves of the agreement."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from mmlatte.engine.rate_choice import (
    RISE,
    best_rate,
    broke,
    kappa,
    next_rate,
    went_back,
)

shares = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def test_half_of_the_largest_rate_that_does_no_harm():
    rates = [1e-4 * 2**k for k in range(5)]
    assert best_rate(rates, [0.99, 0.9, 0.8, 0.85, 0.3]) == rates[2]
    assert best_rate(rates[:4], [0.99, 0.9, 0.8, 0.85]) == rates[2]


def test_the_run_that_repeats_its_first_labels_is_seen():
    curve = [0.9, 0.8, 0.76, 0.78, 0.85, 0.89]
    seen = [went_back(curve[: k + 1], images=10_000) for k in range(6)]
    assert seen == [False] * 5 + [True]
    # What it forgot for a moment is no reason to stop.
    assert not went_back([0.1, 0.6], images=512)


def test_rates_grow_faster_while_nothing_happens():
    assert next_rate([1e-6], [0.97]) == pytest.approx(4e-6)
    assert next_rate([1e-6, 4e-6], [0.7, 0.6]) == pytest.approx(8e-6)


@given(shares)
def test_the_rate_lies_below_a_harmless_one(agreement):
    rates = [2.0**k for k in range(len(agreement))]
    if not broke(agreement):
        assert best_rate(rates, agreement) == rates[-1] / 2
    elif len(rates) > 1:
        assert best_rate(rates, agreement) == rates[-2] / 2
    else:
        with pytest.raises(ValueError, match='does harm already'):
            best_rate(rates, agreement)


def test_a_model_with_one_answer_has_forgotten_its_classes():
    """Its labels are right by chance, for the most frequent of two classes."""
    frozen = np.repeat([0, 1], [70, 30])
    assert broke([0.9, kappa(frozen, np.zeros(100, int))])
    assert kappa(frozen, frozen) == 1.0


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 2), min_size=2, max_size=50))
def test_kappa_is_that_of_sklearn(pairs):
    a, b = np.array(pairs).T
    several = len(set(a)) > 1
    expected = cohen_kappa_score(a, b) if several else np.mean(a == b)
    assert kappa(a, b) == pytest.approx(expected, abs=1e-9)


@given(shares)
def test_it_stops_only_for_a_reason(agreement):
    if went_back(agreement, images=512):
        assert agreement[-1] > min([1.0, *agreement]) + RISE
        assert not broke(agreement)


def test_few_images_come_back_by_noise():
    assert not went_back([0.8, 0.91], images=10)
    assert went_back([0.8, 0.91], images=512)
