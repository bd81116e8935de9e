"""The learning rate and the stop, from curves of the agreement."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlatte.engine.rate_choice import (
    RISE,
    best_rate,
    broke,
    next_rate,
    went_back,
)

shares = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def test_half_of_the_largest_rate_that_does_no_harm():
    rates = [1e-4 * 2**k for k in range(5)]
    assert best_rate(rates, [0.99, 0.9, 0.8, 0.85, 0.3]) == rates[2]
    assert best_rate(rates[:4], [0.99, 0.9, 0.8, 0.85]) == rates[2]


def test_the_run_that_repeats_its_first_labels_is_seen():
    curve = [1.0, 0.9, 0.8, 0.76, 0.78, 0.85, 0.89]
    seen = [went_back(curve[: k + 1], images=10_000) for k in range(7)]
    assert seen == [False] * 6 + [True]


def test_rates_grow_faster_while_nothing_happens():
    assert next_rate([1e-6], [0.7]) == pytest.approx(4e-6)
    assert next_rate([1e-6, 4e-6], [0.7, 0.6]) == pytest.approx(8e-6)


@given(shares)
def test_the_rate_lies_below_a_harmless_one(agreement):
    rates = [2.0**k for k in range(len(agreement))]
    assert best_rate(rates, agreement) <= rates[-1] / 2
    if broke(agreement):
        assert best_rate(rates, agreement) <= rates[-2] / 2


@given(shares)
def test_it_stops_only_for_a_reason(agreement):
    if went_back(agreement, images=512):
        assert agreement[-1] - min(agreement) > RISE
        assert not broke(agreement)


def test_few_images_come_back_by_noise():
    assert not went_back([1.0, 0.8, 0.91], images=10)
    assert went_back([1.0, 0.8, 0.91], images=512)
