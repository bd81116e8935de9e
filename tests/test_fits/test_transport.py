import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from mmlatte.fits import FrozenFeatures, TransportOptions, fit_transport
from mmlatte.fits.transport import balance_classes

WIDTH = 64


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def make(counts=(60, 60, 60), noise=0.15, gap=0.2, seed=0):
    """Images around their names, seen by CLIP and by a second encoder."""
    rng = np.random.default_rng(seed)
    texts = unit(rng.normal(size=(len(counts), WIDTH)))
    truth = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    n = len(truth)
    clip = texts[truth] + noise * rng.normal(size=(n, WIDTH))
    clip = unit(clip + gap * rng.normal(size=WIDTH))
    other = unit(rng.normal(size=(len(counts), 80)))[truth]
    other = other + 0.1 * rng.normal(size=(n, 80))
    return frozen(clip, texts), unit(other).astype(np.float32), truth


def frozen(features, texts, scale=15.0):
    cosines = features @ texts.T
    return FrozenFeatures(
        features=features.astype(np.float32),
        labels=cosines.argmax(axis=1),
        scores=cosines.max(axis=1).astype(np.float32),
        class_features=texts.astype(np.float32),
        scale=scale,
    )


def naive(encoders, names, rounds, estimate, eps=0.01, confident=8):
    """The paper's rounds; ``names`` are posteriors of texts."""
    z = np.mean(names, axis=0)
    (n, classes), order = z.shape, np.argsort(-z, axis=0)[:confident]
    means = [
        unit(np.stack([z[o, c] @ f[o] for c, o in enumerate(order.T)]))
        for f in encoders
    ]
    variances = [np.full(f.shape[1], 1 / f.shape[1]) for f in encoders]
    a = np.full(len(encoders), 1 / len(encoders))
    b = np.full(len(names), 1 / len(names))

    def images():
        for f, mean, var in zip(encoders, means, variances, strict=True):
            away = (f[:, None] - mean) ** 2 / var
            yield softmax(-0.5 * away.sum(axis=2) / 50, axis=1)

    labels = None
    for _ in range(rounds):
        said = list(images())
        fused = np.tensordot(a, said, 1) + np.tensordot(b, names, 1)
        q = (np.bincount(fused.argmax(1), minlength=classes) + 1) / (
            n + classes
        )
        q = q if estimate else np.full(classes, 1 / classes)
        z = np.exp(fused / eps)
        for _ in range(15):
            z = z * (n * q / z.sum(axis=0))
            z = z / z.sum(axis=1, keepdims=True)
        a = np.array([(p.argmax(1) == z.argmax(1)).sum() + 1 for p in said])
        b = np.array([(p.argmax(1) == z.argmax(1)).sum() + 1 for p in names])
        a, b = a / a.sum(), b / b.sum()
        means = [unit(z.T @ f) for f in encoders]
        variances = [
            np.einsum('nc,ncd->d', z, (f[:, None] - mean) ** 2) / n
            for f, mean in zip(encoders, means, strict=True)
        ]
        if labels is not None and (labels == z.argmax(1)).all():
            break
        labels = z.argmax(1)
    return (np.tensordot(a, list(images()), 1) + np.tensordot(b, names, 1)) / 2


def said_by_names(clip):
    f, t = clip.features.astype(float), clip.class_features.astype(float)
    return softmax(clip.scale * f @ t.T, axis=1)


@pytest.mark.parametrize('estimate', [False, True])
@pytest.mark.parametrize('encoders', [1, 2, 'two CLIPs'])
@pytest.mark.parametrize('rounds', [1, 3])
def test_equals_the_papers_rounds(encoders, estimate, rounds):
    clip, other, _ = make((70, 40, 25))
    others, names = [], [said_by_names(clip)]
    arrays = [clip.features.astype(float)]
    if encoders == 2:
        others, arrays = [other], [*arrays, other.astype(float)]
    if encoders == 'two CLIPs':
        others = [frozen(other, unit(other[:3]))]
        arrays.append(other.astype(float))
        names.append(said_by_names(others[0]))
    options = TransportOptions(
        rounds=rounds,
        estimate_shares=estimate,
        tolerance=0,
        balance_steps=15,
    )
    fit = fit_transport(clip, options, others)
    features = torch.from_numpy(np.concatenate(arrays, axis=1))
    expected = naive(arrays, names, rounds, estimate)
    found = fit.classifier.logits(features.float()).exp().numpy()
    assert np.abs(found - expected).max() < 1e-6
    assert fit.labels.tolist() == expected.argmax(axis=1).tolist()


def test_another_order_of_classes_gives_the_same_labels():
    clip, other, _ = make((50, 30, 40, 20))
    order = np.array([2, 0, 3, 1])
    shuffled = frozen(
        clip.features.astype(float), clip.class_features.astype(float)[order]
    )
    first = fit_transport(clip, others=[other])
    second = fit_transport(shuffled, others=[other])
    assert (order[second.labels.numpy()] == first.labels.numpy()).all()
    x = torch.from_numpy(np.concatenate([clip.features, other], axis=1))
    assert torch.allclose(
        second.classifier.logits(x),
        first.classifier.logits(x)[:, order],
        atol=1e-4,
    )


def test_an_encoder_given_twice_changes_nothing():
    clip, _, _ = make()
    alone = fit_transport(clip)
    twice = fit_transport(clip, others=[clip.features])
    x = clip.rows()
    assert torch.allclose(
        alone.classifier.logits(x),
        twice.classifier.logits(torch.cat([x, x], dim=1)),
        atol=1e-4,
    )


def test_a_second_encoder_sees_what_clip_does_not():
    clip, other, truth = make(noise=0.4)
    right = [
        (fit_transport(clip, others=others).labels.numpy() == truth).mean()
        for others in ([], [other])
    ]
    zero_shot = (clip.labels == truth).mean()
    assert zero_shot < right[0] < right[1] - 0.02


@pytest.mark.parametrize(
    'counts', [(200, 100, 50, 10), (120, 0, 120, 0), (0, 0, 0, 150)]
)
@pytest.mark.parametrize('seed', [0, 1])
def test_uneven_and_absent_classes_lose_a_point_at_most(counts, seed):
    clip, _, truth = make(counts, noise=0.2, seed=seed)
    found = (fit_transport(clip).labels.numpy() == truth).mean()
    assert found >= (clip.labels == truth).mean() - 0.01


def test_estimated_shares_leave_uneven_classes_uneven():
    clip, _, truth = make((200, 100, 50, 10), gap=0.4)
    right = []
    for estimate in (True, False):
        options = TransportOptions(estimate_shares=estimate)
        labels = fit_transport(clip, options).labels.numpy()
        right.append((labels == truth).mean())
    assert right[0] > right[1]


@settings(deadline=None, max_examples=25)
@given(
    n=st.integers(2, 40), classes=st.integers(1, 6), seed=st.integers(0, 999)
)
def test_transport_meets_rows_and_shares(n, classes, seed):
    rng = np.random.default_rng(seed)
    scores = torch.from_numpy(2 * rng.random((n, classes)))
    shares = torch.from_numpy(rng.dirichlet(np.full(classes, 5.0)))
    options = TransportOptions(epsilon=0.1, balance_steps=20000)
    z = balance_classes(scores, shares, options)
    assert torch.allclose(z.sum(dim=1), torch.ones(n).double())
    missed = (z.sum(dim=0) - n * shares).abs().sum()
    assert missed <= options.tolerance * n + 1e-9


def test_ends_when_no_label_changes():
    clip, other, _ = make()
    fit = fit_transport(clip, others=[other])
    assert fit.notes[0].startswith('0 of 180 labels changed')


def test_other_images_or_names_are_refused():
    clip, other, _ = make()
    with pytest.raises(ValueError, match='encoder 2 has features of 179'):
        fit_transport(clip, others=[other[:-1]])
    fewer = frozen(other, other[:2])
    with pytest.raises(ValueError, match='encoder 2 has 2 class names'):
        fit_transport(clip, others=[fewer])
    with pytest.raises(ValueError, match=r'epsilon at least 0\.005'):
        TransportOptions(epsilon=0.001)
    with pytest.raises(ValueError, match='rounds must be at least 1'):
        TransportOptions(rounds=0)
