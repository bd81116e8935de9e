import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from mmlatte.fits import linear_discriminants
from mmlatte.models import GDAClassifier, LattePlusClassifier


def naive_em(f, texts, scale, iterations, shrinkage):
    """EM written down sample by sample."""
    f, means = f.astype(np.float64), texts.astype(np.float64)
    (n, d), classes = f.shape, len(texts)
    weight, bias = scale * means, np.zeros(classes)
    for _ in range(iterations):
        gamma = [
            softmax([w @ x + b for w, b in zip(weight, bias, strict=True)])
            for x in f
        ]
        cov = np.zeros((d, d))
        new = []
        for c in range(classes):
            total = sum(g[c] for g in gamma)
            mean = sum(g[c] * x for g, x in zip(gamma, f, strict=True)) / total
            new.append(mean if total >= 1 else means[c])
        means = np.stack(new)
        for g, x in zip(gamma, f, strict=True):
            for c in range(classes):
                cov += g[c] * np.outer(x - means[c], x - means[c]) / n
        s = shrinkage
        cov = (1 - s) * cov + s * np.trace(cov) / d * np.eye(d)
        weight = np.stack([np.linalg.inv(cov) @ m for m in means])
        bias = np.array(
            [-0.5 * m @ w for m, w in zip(means, weight, strict=True)]
        )
    return weight, bias


@pytest.mark.parametrize('iterations', [1, 3])
@pytest.mark.parametrize('shrinkage', [None, 0.4])
def test_fit_equals_a_loop(make_frozen, tiny_model, iterations, shrinkage):
    frozen, _ = make_frozen()
    model = tiny_model(
        GDAClassifier,
        frozen.class_features,
        options=dict(iterations=iterations, shrinkage=shrinkage),
    )
    scale = model.clip.scale.item()
    model.fit(frozen)
    s = 16 / (60 - 1 + 16) if shrinkage is None else shrinkage
    weight, bias = naive_em(
        frozen.features, frozen.class_features, scale, iterations, s
    )
    assert np.allclose(model.weight, weight, rtol=1e-5, atol=1e-4)
    x = frozen.rows()
    expected = softmax(frozen.features @ weight.T + bias, axis=1)
    assert np.allclose(model(x).softmax(dim=1), expected, atol=1e-5)


@pytest.mark.parametrize('shrinkage', [0.0, 0.3])
def test_given_labels_it_is_sklearns_lda(make_frozen, shrinkage):
    frozen, truth = make_frozen(n=200)
    # As many of each class: sklearn weighs covariances by its priors.
    each = min(np.bincount(truth))
    kept = np.concatenate(
        [np.flatnonzero(truth == c)[:each] for c in range(3)]
    )
    truth = truth[kept]
    f = frozen.rows(kept).double()
    onehot = torch.nn.functional.one_hot(torch.from_numpy(truth)).double()
    counts, sums = onehot.sum(dim=0), onehot.T @ f
    weight, bias = linear_discriminants(
        sums / counts[:, None], counts, sums, f.T @ f, shrinkage
    )
    lda = LinearDiscriminantAnalysis(
        solver='lsqr', shrinkage=shrinkage, priors=[1 / 3] * 3
    ).fit(f.numpy(), truth)
    mine = (f @ weight.T + bias).softmax(dim=1)
    assert np.allclose(mine, lda.predict_proba(f.numpy()), atol=1e-8)


@pytest.mark.parametrize('copies', [20, 500])
def test_copies_of_one_image_per_class_are_told_apart(
    make_frozen, tiny_model, copies
):
    frozen, truth = make_frozen(n=60, classes=8, spread=0.2)
    one = [int(np.flatnonzero(truth == c)[0]) for c in range(8)]
    f = frozen.rows(np.repeat(one, copies)).double()
    onehot = torch.eye(8, dtype=torch.float64).repeat_interleave(copies, 0)
    counts, sums = onehot.sum(dim=0), onehot.T @ f
    n, width = f.shape
    weight, bias = linear_discriminants(
        f[::copies], counts, sums, f.T @ f, width / (n - 1 + width)
    )
    found = (f @ weight.T + bias).argmax(dim=1)
    assert torch.equal(found, onehot.argmax(dim=1))


def test_starts_as_zero_shot_and_improves(make_frozen, tiny_model):
    frozen, truth = make_frozen(n=600, spread=0.25, seed=3)
    model = tiny_model(GDAClassifier, frozen.class_features)
    x = frozen.rows()
    scale = model.clip.scale.item()
    logits = scale * x @ torch.from_numpy(frozen.class_features).T
    assert torch.allclose(model(x), logits, atol=1e-5)
    zero_shot = (model(x).argmax(dim=1).numpy() == truth).mean()
    model.fit(frozen)
    fitted = (model(x).argmax(dim=1).numpy() == truth).mean()
    assert fitted > zero_shot
    # Converged: one more step changes no label.
    labels = model(x).argmax(dim=1)
    model.fit(frozen)
    assert torch.equal(model(x).argmax(dim=1), labels)


@settings(deadline=None, max_examples=20)
@given(
    n=st.integers(4, 40),
    classes=st.integers(2, 8),
    seed=st.integers(0, 1000),
    shrinkage=st.floats(0.01, 1),
)
def test_result_is_finite_and_blind_to_the_order(
    make_frozen, n, classes, seed, shrinkage
):
    frozen, _ = make_frozen(n, classes, seed=seed)
    f = frozen.rows().double()
    gamma = 20 * f @ torch.from_numpy(frozen.class_features).double().T
    gamma = gamma.softmax(dim=1)
    shuffled = torch.randperm(n, generator=torch.Generator().manual_seed(seed))

    def classify(order):
        g, x = gamma[order], f[order]
        counts, sums = g.sum(dim=0), g.T @ x
        return linear_discriminants(
            sums / counts[:, None], counts, sums, x.T @ x, shrinkage
        )

    weight, bias = classify(torch.arange(n))
    assert weight.isfinite().all() and bias.isfinite().all()
    other, _ = classify(shuffled)
    assert torch.allclose(weight, other, rtol=1e-5)


def test_empty_class_keeps_its_text(make_frozen, tiny_model):
    frozen, _ = make_frozen(classes=2)
    # A third class at the far side of all images.
    away = -frozen.features.mean(axis=0, keepdims=True)
    frozen.class_features = np.concatenate(
        [frozen.class_features, away / np.linalg.norm(away)]
    )
    model = tiny_model(
        GDAClassifier, frozen.class_features, options=dict(iterations=5)
    )
    frozen.scale = 100.0
    model.fit(frozen)
    assert model.weight.isfinite().all() and model.bias.isfinite().all()
    assert 2 not in model(frozen.rows()).argmax(dim=1)


def test_wrong_settings_are_named(make_frozen, tiny_model):
    texts = make_frozen()[0].class_features
    with pytest.raises(ValueError, match=r'shrinkage must be in \(0, 1\]'):
        tiny_model(GDAClassifier, texts, options=dict(shrinkage=2))
    with pytest.raises(ValueError, match='iterations must be positive'):
        tiny_model(GDAClassifier, texts, options=dict(iterations=0))


@pytest.mark.parametrize('kind', [GDAClassifier, LattePlusClassifier])
@pytest.mark.parametrize(('n', 'classes'), [(1, 3), (5, 5), (30, 40)])
def test_images_alone_in_their_classes(
    make_frozen, tiny_model, kind, n, classes
):
    """No scatter at all within the classes."""
    frozen, _ = make_frozen(n=n, classes=classes)
    model = tiny_model(kind, frozen.class_features)
    frozen.scale = 1e4
    model.fit(frozen)
    assert model(frozen.rows()).isfinite().all()
