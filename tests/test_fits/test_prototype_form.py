"""A linear classifier written as prototypes."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlatte.fits import FrozenFeatures, LinearClassifier, prototype_form
from mmlatte.fits.linear_classifier import MAX_SCALE

DIM = 12


def draw(seed, classes, offset=3.0, dim=DIM):
    """Unit features in a cone, and a classifier."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*size):
        return torch.randn(*size, generator=generator, dtype=torch.float64)

    features = F.normalize(normal(300, dim) + offset * normal(dim), dim=1)
    return features, normal(classes, dim) * 5, normal(classes)


def form(features, weight, bias, live=None, shrinkage=1e-9):
    second = features.T @ features / len(features)
    if live is None:
        live = torch.ones(len(weight), dtype=torch.bool)
    mean = features.mean(dim=0)
    return prototype_form(weight, bias, second, mean, live, shrinkage)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, DIM))
def test_without_biases_nothing_changes(seed, classes):
    features, weight, _ = draw(seed, classes)
    rows, scale = form(features, weight, torch.zeros(classes).double())
    torch.testing.assert_close(
        rows.norm(dim=1), torch.ones(classes).double(), atol=1e-9, rtol=0
    )
    torch.testing.assert_close(
        (scale * features @ rows.T).softmax(dim=1),
        (features @ weight.T).softmax(dim=1),
    )


def test_biases_are_carried_by_what_all_images_share():
    features, weight, bias = draw(0, 4, offset=20.0)
    rows, scale = form(features, weight, bias)
    torch.testing.assert_close(
        (scale * features @ rows.T).softmax(dim=1),
        (features @ weight.T + bias).softmax(dim=1),
        atol=0.02,
        rtol=0,
    )


@pytest.mark.parametrize('seed', range(5))
def test_of_few_images_the_noise_is_not_learned(seed):
    """As many images as dimensions could carry any bias exactly."""
    features, weight, bias = draw(seed, 4, dim=48)
    few, others = features[:48], features[48:]
    rows, _ = form(few, weight, 3 * bias, shrinkage=48 / 95)
    same = torch.eq(
        (others @ rows.T).argmax(dim=1),
        (others @ weight.T + 3 * bias).argmax(dim=1),
    )
    assert same.double().mean() > 0.95


def test_a_class_that_is_gone_stays_gone():
    features, weight, bias = draw(1, 4)
    live = torch.tensor([True, False, True, True])
    bias[1] = -1e4
    rows, scale = form(features, weight, bias, live)
    found = (scale * features @ rows.T).softmax(dim=1)
    assert found[:, 1].max() < 1e-6
    assert scale < 1e3


def test_more_classes_than_dimensions_are_refused():
    features, weight, bias = draw(2, 3 * DIM)
    with pytest.raises(ValueError, match='36 classes in 12 dimensions'):
        form(features, weight, bias)


def test_logits_of_thousands_are_scaled_down_and_label_the_same():
    features, weight, bias = draw(2, 4)
    few = features[:5].float().numpy()
    frozen = FrozenFeatures(few, np.zeros(5), np.zeros(5), few[:4])
    large = LinearClassifier(1e4 * weight.float(), bias.float())
    form = large.as_prototypes(frozen)
    assert form.scale == MAX_SCALE and form.kept == 1
    small = LinearClassifier(weight.float(), 0 * bias.float())
    assert small.as_prototypes(frozen).scale < MAX_SCALE
