import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from mmlatte.models import TransCLIPClassifier


def naive(f, texts, scale, outer, inner, k=3, confident=8):
    """TransCLIP-ZS written down sample by sample."""
    f, texts = f.astype(np.float64), texts.astype(np.float64)
    (n, d), classes = f.shape, len(texts)
    y = np.stack([softmax([scale * x @ t for t in texts]) for x in f])
    w = np.zeros((n, n))
    for i in range(n):
        others = sorted(
            (j for j in range(n) if j != i), key=lambda j: -f[i] @ f[j]
        )
        for j in others[:k]:
            w[i, j] = max(0, f[i] @ f[j])
    z = y.copy()
    means = []
    for c in range(classes):
        mean = f[np.argsort(-y[:, c])[:confident]].mean(axis=0)
        means.append(mean / np.linalg.norm(mean))
    sigma = np.full(d, 1 / d)
    for _ in range(outer):
        log_p = [[-0.5 * sum((x - m) ** 2 / sigma) for m in means] for x in f]
        for _ in range(inner):
            new = []
            for i in range(n):
                pull = sum((w[i, j] + w[j, i]) * z[j] for j in range(n))
                power = (np.array(log_p[i]) + 50 / (2 * k) * pull) / 50
                new.append(softmax(np.log(y[i]) + power))
            z = np.stack(new)
        means = [sum(z[i, c] * f[i] for i in range(n)) for c in range(classes)]
        means = [m / np.linalg.norm(m) for m in means]
        sigma = (
            sum(
                z[i, c] * (f[i] - means[c]) ** 2
                for i in range(n)
                for c in range(classes)
            )
            / n
        )
    return z


@pytest.mark.parametrize(('outer', 'inner'), [(1, 1), (3, 2)])
def test_fit_equals_a_loop(make_frozen, tiny_model, outer, inner):
    frozen, _ = make_frozen(n=30)
    model = tiny_model(
        TransCLIPClassifier,
        frozen.class_features,
        options=dict(outer=outer, inner=inner),
    )
    scale = model.clip.scale.item()
    model.fit(frozen)
    expected = naive(
        frozen.features, frozen.class_features, scale, outer, inner
    )
    assert np.allclose(model.assignments, expected, atol=1e-5)


def test_starts_as_zero_shot_improves_and_ends_converged(
    make_frozen, tiny_model
):
    frozen, truth = make_frozen(n=300, spread=0.35, seed=3)
    model = tiny_model(
        TransCLIPClassifier, frozen.class_features, options=dict(outer=30)
    )
    x = frozen.rows()

    def right():
        with torch.no_grad():
            return (model(x).argmax(dim=1).numpy() == truth).mean()

    assert right() == (frozen.labels == truth).mean()
    zero_shot = right()
    model.fit(frozen)
    assert right() > zero_shot
    # At the fixed point a further step, as prediction does it, changes little:
    # it finds the neighbours of the fit, in both directions.
    with torch.no_grad():
        z = model(x).softmax(dim=1)
    assert torch.allclose(z, model.assignments, atol=1e-3)


def test_a_checkpoint_alone_predicts(make_frozen, tiny_model):
    frozen, _ = make_frozen()
    texts = frozen.class_features
    model = tiny_model(TransCLIPClassifier, texts)
    model.fit(frozen)
    other = tiny_model(TransCLIPClassifier, np.roll(texts, 1, axis=0))
    other.load_state_dict(model.state_dict())
    x = make_frozen(seed=1)[0].rows()
    assert torch.equal(model(x), other(x))


@settings(deadline=None, max_examples=15)
@given(
    n=st.integers(4, 40), classes=st.integers(1, 6), seed=st.integers(0, 99)
)
def test_assignments_are_distributions_whatever_the_order(
    make_frozen, tiny_model, n, classes, seed
):
    frozen, _ = make_frozen(n, classes, seed=seed)
    model = tiny_model(TransCLIPClassifier, frozen.class_features)
    model.fit(frozen)
    z = model.assignments.clone()
    assert torch.allclose(z.sum(dim=1), torch.ones(n), atol=1e-5)
    assert (z >= 0).all() and (model.variance > 0).all()
    order = np.random.default_rng(seed).permutation(n)
    frozen.features = frozen.features[order]
    model.fit(frozen)
    assert torch.allclose(model.assignments, z[order], atol=1e-4)


def test_too_few_images_are_named(make_frozen, tiny_model):
    frozen, _ = make_frozen(n=3)
    model = tiny_model(TransCLIPClassifier, frozen.class_features)
    with pytest.raises(ValueError, match='more than 3 images'):
        model.fit(frozen)
