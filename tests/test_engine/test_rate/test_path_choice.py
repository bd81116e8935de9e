"""The turning point of the agreement."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from mmlatte.engine.rate.path_choice import (
    FORGOTTEN,
    RISE,
    broke,
    kappa,
    next_path,
    rose,
    turning_point,
)

shares = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def test_curve_of_a_model_that_first_learns_and_then_repeats():
    paths = [1e-4 * 2**k for k in range(6)]
    curve = [0.99, 0.9, 0.8, 0.76, 0.78, 0.85]
    turned = [rose(curve[: k + 1], images=10_000) for k in range(6)]
    assert turned == [False] * 5 + [True]
    assert turning_point(paths, curve) == paths[3]


def test_a_model_that_breaks_was_best_before():
    paths = [1e-3, 2e-3, 4e-3]
    assert broke([0.95, 0.9, 0.1]) and not rose([0.95, 0.9, 0.1], 512)
    # What it forgot for a moment is no turning point.
    assert not rose([0.95, 0.1, 0.6], 512)
    assert turning_point(paths, [0.95, 0.9, 0.1]) == 2e-3


def test_paths_grow_faster_while_nothing_happens():
    assert next_path([1e-6], [0.97]) == pytest.approx(4e-6)
    assert next_path([1e-6, 4e-6], [0.97, 0.6]) == pytest.approx(8e-6)


@given(shares)
def test_the_choice_is_a_measured_sane_minimum(agreement):
    paths = [2.0**k for k in range(len(agreement))]
    sane = [a for a in agreement if a >= FORGOTTEN]
    if not sane:
        with pytest.raises(ValueError, match='does harm already'):
            turning_point(paths, agreement)
        return
    path = turning_point(paths, agreement)
    assert agreement[paths.index(path)] == min(sane)


@given(shares)
def test_it_stops_only_for_a_reason(agreement):
    if rose(agreement, images=512):
        assert agreement[-1] - min(agreement) > RISE
        assert not broke(agreement)


def test_few_images_turn_by_noise():
    assert not rose([1.0, 0.8, 0.9], images=20)
    assert rose([1.0, 0.8, 0.9], images=512)


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
