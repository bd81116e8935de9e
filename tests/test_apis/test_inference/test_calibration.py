import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mmlatte.apis.inference.calibration import (
    fit_temperature,
    mean_confidence,
    with_temperature,
)


def scores(seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (5 * torch.randn(40, 7, generator=generator)).softmax(dim=1)


def test_temperature_divides_the_logits():
    logits = torch.randn(4, 3)
    expected = (logits / 2.5).softmax(dim=1)
    torch.testing.assert_close(
        with_temperature(logits.softmax(dim=1), 2.5), expected
    )


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 20), st.floats(0.2, 0.99))
@example(19, 0.98828125)
def test_fit_reaches_the_target(seed, target):
    # Where two scores are nearly the same, no temperature is sure.
    sharpest = mean_confidence(with_temperature(scores(seed).double(), 0.01))
    target = min(target, sharpest)
    found = fit_temperature(scores(seed), target)
    reached = mean_confidence(with_temperature(scores(seed).double(), found))
    assert reached == pytest.approx(target, abs=1e-6)


def test_fit_undoes_a_temperature():
    flat = with_temperature(scores(), 3.0)
    found = fit_temperature(scores(), mean_confidence(flat))
    assert found == pytest.approx(3.0, rel=1e-4)


def test_out_of_reach_gives_the_bound():
    assert fit_temperature(scores(), 0.01) == pytest.approx(100)
    assert fit_temperature(scores(), 1.1) == pytest.approx(0.01)
