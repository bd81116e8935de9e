import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import cg

from mmlatte.fits import LabelPropagationOptions, conjugate_gradients
from mmlatte.fits.label_propagation import propagate
from mmlatte.models import ReCLIPClassifier


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def naive(f, texts, project, k, alpha, exact):
    """Labels and nodes, by dense matrices and one system per class."""
    f, texts = f.astype(np.float64), texts.astype(np.float64)
    if project:
        u = np.linalg.svd(texts.T, full_matrices=False)[0][:, 1:]
        f, texts = unit(f @ u), unit(texts @ u)
    x = np.concatenate([texts, f])
    n, classes = len(x), len(texts)
    a = np.zeros((n, n))
    for i in range(n):
        others = sorted(
            (j for j in range(n) if j != i), key=lambda j: -x[i] @ x[j]
        )
        for j in others[:k]:
            a[i, j] = (x[i] @ x[j] + 1) / 2
    w = (a + a.T) / 2
    d = np.diag(1 / np.sqrt(w.sum(axis=1)))
    system = np.eye(n) - alpha * d @ w @ d
    spread = (
        np.linalg.inv(system)[:, :classes]
        if exact
        else np.stack(
            [
                cg(system, np.eye(n)[c], maxiter=20, rtol=1e-6)[0]
                for c in range(classes)
            ],
            axis=1,
        )
    )
    labels = spread[classes:].argmax(axis=1)
    nodes = []
    for c in range(classes):
        own = f[labels == c]
        mean = unit(own.mean(axis=0)) if len(own) else texts[c]
        nodes.append((texts[c] + mean) / 2)
    return labels, np.stack(nodes), f


@pytest.mark.parametrize('project', [True, False])
@pytest.mark.parametrize('exact', [True, False])
@torch.no_grad()
def test_fit_equals_dense_algebra(make_frozen, tiny_model, project, exact):
    frozen, _ = make_frozen(n=50, classes=4, seed=2)
    model = tiny_model(
        ReCLIPClassifier,
        frozen.class_features,
        options=dict(
            project=project, neighbours=5, steps=300 if exact else 20
        ),
    )
    model.fit(frozen)
    _, nodes, x = naive(
        frozen.features, frozen.class_features, project, 5, 0.99, exact
    )
    expected = model.clip.scale.item() * x @ nodes.T
    assert np.allclose(model(frozen.rows()), expected, atol=1e-4)


@torch.no_grad()
def test_starts_as_zero_shot_and_improves(make_frozen, tiny_model):
    frozen, truth = make_frozen(n=300, spread=0.3, seed=3)
    model = tiny_model(
        ReCLIPClassifier, frozen.class_features, options=dict(project=False)
    )
    x = frozen.rows()
    zero_shot = (model(x).argmax(dim=1).numpy() == truth).mean()
    assert zero_shot == (frozen.labels == truth).mean()
    model.fit(frozen)
    assert (model(x).argmax(dim=1).numpy() == truth).mean() > zero_shot
    other = tiny_model(ReCLIPClassifier, np.roll(frozen.class_features, 1, 0))
    other.load_state_dict(model.state_dict())
    assert torch.equal(model(x), other(x))  # a checkpoint alone predicts


@settings(deadline=None, max_examples=20)
@given(
    n=st.integers(2, 30), columns=st.integers(1, 4), seed=st.integers(0, 99)
)
def test_solver_solves(n, columns, seed):
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(n, n, generator=generator, dtype=torch.float64)
    system = root @ root.T / n + torch.eye(n)
    right = torch.randn(n, columns, generator=generator, dtype=torch.float64)
    right[:, 0] = 0  # solved before the first step
    x = conjugate_gradients(lambda v: system @ v, right, 5 * n)
    assert torch.allclose(system @ x, right, atol=1e-4)


@settings(deadline=None, max_examples=15)
@given(
    n=st.integers(1, 40), classes=st.integers(3, 8), seed=st.integers(0, 99)
)
def test_every_image_gets_a_class(make_frozen, tiny_model, n, classes, seed):
    frozen, _ = make_frozen(n, classes, seed=seed)
    model = tiny_model(ReCLIPClassifier, frozen.class_features)
    model.fit(frozen)
    assert model.nodes.isfinite().all()
    assert (model.nodes.norm(dim=1) <= 1 + 1e-5).all()


def test_wrong_settings_are_named(make_frozen, tiny_model):
    texts = make_frozen()[0].class_features
    with pytest.raises(ValueError, match=r'alpha must be in \(0, 1\)'):
        tiny_model(ReCLIPClassifier, texts, options=dict(alpha=1.0))
    with pytest.raises(ValueError, match='project=True needs three classes'):
        tiny_model(ReCLIPClassifier, texts[:2])


def test_images_that_no_text_reaches_keep_their_labels(
    make_frozen, tiny_model, caplog
):
    """Thirty texts beside each other, far from the images."""
    frozen, _ = make_frozen(n=300, classes=30, spread=0.02)
    gap = np.zeros(16, np.float32)
    gap[0] = 4
    frozen.features = unit(frozen.features + gap).astype(np.float32)
    texts = unit(frozen.class_features - gap).astype(np.float32)
    frozen.class_features = texts
    labels, reached = propagate(
        torch.from_numpy(texts),
        frozen.rows(),
        LabelPropagationOptions(project=False),
    )
    assert not reached.all()
    expected = (frozen.features @ texts.T).argmax(axis=1)
    assert len(np.unique(expected)) > 5
    assert (labels.numpy() == expected).all()
