"""LattePlus against a dense loop, and where it must stay what it was."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlatte.fits import FrozenFeatures, neighbour_graph
from mmlatte.fits.latteplus import (
    STEPS,
    LattePlusOptions,
    fit_latteplus,
    seed_scores,
)
from mmlatte.models import (
    GDAClassifier,
    LattePlusClassifier,
)


def dense_propagation(x, t, alpha, k):
    """The equations with a full matrix, node by node."""
    x, t = x.double().numpy(), t.double().numpy()
    n, classes = len(x), len(t)
    cosines = x @ x.T
    a = np.zeros((n, n))
    for i in range(n):
        others = [j for j in range(n) if j != i]
        others.sort(key=lambda j: -cosines[i, j])
        for j in others[: min(k, n // 4)]:
            a[i, j] = (cosines[i, j] + 1) / 2
    w = (a + a.T) / 2
    degree = w.sum(axis=1)
    s = w / np.sqrt(np.outer(degree, degree))
    count = max(3, min(20, n // classes // 10))
    seeds = np.zeros((n, classes))
    for c in range(classes):
        for i in np.argsort(-(x @ t[c]))[:count]:
            seeds[i, c] = 1
    voices = np.linalg.matrix_power(alpha * s, STEPS) @ seeds
    for step in range(STEPS):
        power = np.linalg.matrix_power(alpha * s, step)
        voices = voices + (1 - alpha) * power @ seeds
    return voices / voices.sum(axis=0)


@pytest.fixture
def model(make_frozen, tiny_model):
    frozen, truth = make_frozen(n=120, classes=4, spread=0.4)
    built = tiny_model(LattePlusClassifier, frozen.class_features)
    return built, frozen, truth


def test_propagation_equals_dense_matrices(model):
    _, frozen, _ = model
    x = frozen.rows()
    x = F.normalize(x - x.mean(dim=0), dim=1)
    t = torch.from_numpy(frozen.class_features)
    t = F.normalize(t - t.mean(dim=0), dim=1)
    expected = dense_propagation(x, t, 0.9, 20)
    np.testing.assert_allclose(
        seed_scores(x, t, LattePlusOptions()), expected, atol=1e-5
    )


def test_classes_are_found_where_the_names_miss_them(make_frozen, tiny_model):
    frozen, truth = make_frozen(n=300, classes=4, spread=0.25)
    # One name lies beside its images: zero-shot gives it almost none.
    texts = frozen.class_features.copy()
    texts[1] = texts[1] + 0.9 * (texts[1] - texts.mean(axis=0)[None])[0] * -1
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    frozen.class_features = texts
    cosines = frozen.features @ texts.T
    frozen.labels, frozen.scores = cosines.argmax(1), cosines.max(1)
    built = tiny_model(LattePlusClassifier, texts)
    zero_shot = (frozen.labels == truth).mean()
    built.fit(frozen)
    found = built(frozen.rows()).argmax(dim=1).numpy()
    assert (found == truth).mean() > max(0.9, zero_shot)


@pytest.mark.parametrize('nodes', [20_000, 1_500])
def test_images_out_of_reach_are_no_first_class(
    nodes, make_frozen, tiny_model, monkeypatch
):
    """Scenes of 25 nearly equal images: no edge leads out of a scene."""
    monkeypatch.setattr('mmlatte.fits.latteplus.MAX_NODES', nodes)
    scenes, truth = make_frozen(n=80, classes=4, spread=0.15)
    rng = np.random.default_rng(0)
    features = scenes.features.repeat(25, axis=0)
    features += 1e-3 * rng.normal(size=features.shape).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    cosines = features @ scenes.class_features.T
    frozen = FrozenFeatures(
        features, cosines.argmax(1), cosines.max(1), scenes.class_features
    )
    built = tiny_model(LattePlusClassifier, frozen.class_features)
    said = []
    monkeypatch.setattr(
        'mmlatte.models.classifiers.fitted.print_log',
        lambda text, *_, **__: said.append(text),
    )
    built.fit(frozen)
    found = built(frozen.rows()).argmax(dim=1).numpy()
    assert (found == truth.repeat(25)).mean() > 0.98
    assert any('reached by no seed' in text for text in said)


@pytest.mark.parametrize('as_prototypes', [False, True])
def test_images_of_one_class_keep_zero_shot(
    make_frozen, tiny_model, as_prototypes
):
    frozen, truth = make_frozen(n=1000, classes=4, spread=0.4)
    built = tiny_model(
        LattePlusClassifier,
        frozen.class_features,
        as_prototypes=as_prototypes,
    )
    before = built(frozen.rows())
    built.fit(frozen.part(truth == 2))
    torch.testing.assert_close(built(frozen.rows()), before)
    assert built.open_vocabulary == as_prototypes


@pytest.mark.parametrize('as_prototypes', [False, True])
def test_a_name_without_images_takes_none(
    as_prototypes, make_frozen, tiny_model
):
    """Four names, images of three; the fourth name is like the first."""
    frozen, truth = make_frozen(n=300, classes=3, spread=0.3)
    texts = np.concatenate([frozen.class_features, frozen.class_features[:1]])
    texts[3] += 0.3 * texts[1] - 0.3 * texts[2]
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    frozen.class_features = texts
    built = tiny_model(LattePlusClassifier, texts, as_prototypes=as_prototypes)
    built.fit(frozen)
    scores = built(frozen.rows()).softmax(dim=1)
    found = scores.argmax(dim=1).numpy()
    assert (found == truth).mean() > 0.95
    assert scores[:, 3].max() < 1e-6
    assert torch.special.entr(scores).sum(dim=1).isfinite().all()


@pytest.mark.parametrize(
    'names, live',
    [([0, 0, 2, 3], [0, 2, 3]), ([1, 0, 2, 3], [0, 1, 2, 3])],
    ids=['joined', 'exchanged'],
)
def test_clusters_bear_the_names_with_most_evidence(
    names, live, make_frozen, tiny_model, monkeypatch
):
    frozen, truth = make_frozen(n=400, classes=4, spread=0.25)
    evidence = 5 * F.one_hot(torch.tensor(names), 4).double()
    monkeypatch.setattr(
        'mmlatte.fits.latteplus.name_evidence',
        lambda *_: evidence,
    )
    built = tiny_model(LattePlusClassifier, frozen.class_features)
    built.fit(frozen)
    logits = built(frozen.rows())
    found = logits.argmax(dim=1).numpy()
    assert (found == np.array(names)[truth]).mean() > 0.95
    assert np.unique(found).tolist() == live
    # Saved and loaded.
    other = tiny_model(LattePlusClassifier, frozen.class_features)
    other.load_state_dict(built.state_dict())
    assert torch.equal(other(frozen.rows()), logits)


@pytest.mark.parametrize(
    'shown, names',
    [([0, 1, 2, 3], [0, 1, 2, 3]), ([1, 2, 3], [0, 1, 2, 2])],
    ids=['as many', 'too few'],
)
def test_where_all_clusters_hold_a_name_is_borne_once(
    shown, names, make_frozen, tiny_model, monkeypatch
):
    """Clusters 2 and 3 are called 2 first, the latter 3 next."""
    frozen, truth = make_frozen(n=600, classes=4, spread=0.25)
    evidence = 9 * torch.eye(4, dtype=torch.float64)
    evidence[3] = torch.tensor([0.0, 0.0, 4.5, 2.0])
    monkeypatch.setattr(
        'mmlatte.fits.latteplus.name_evidence',
        lambda *_: evidence,
    )
    built = tiny_model(LattePlusClassifier, frozen.class_features)
    kept = np.isin(truth, shown)
    built.fit(frozen.part(kept))
    assert fit_latteplus(frozen.part(kept)).matched
    found = built(frozen.rows()).argmax(dim=1).numpy()
    assert (found == np.array(names)[truth])[kept].mean() > 0.95


@pytest.mark.parametrize(
    'matching_clusters, own_weight, changed',
    [(0.75, 1.0, False), (2.0, 1.0, True), (2.0, 0.0, False)],
    ids=['clusters hold', 'they do not', 'no say'],
)
def test_images_have_a_say_where_clusters_do_not_hold(
    matching_clusters,
    own_weight,
    changed,
    make_frozen,
    tiny_model,
    monkeypatch,
):
    """The names of two clusters are exchanged, by a hair."""
    frozen, truth = make_frozen(n=400, classes=4, spread=0.25)
    evidence = 5 * torch.eye(4, dtype=torch.float64)
    evidence[:2, :2] = torch.tensor([[5.0, 5.1], [5.1, 5.0]])
    monkeypatch.setattr(
        'mmlatte.fits.latteplus.name_evidence',
        lambda *_: evidence,
    )
    built = tiny_model(
        LattePlusClassifier,
        frozen.class_features,
        options=dict(
            matching_clusters=matching_clusters, own_weight=own_weight
        ),
    )
    said = []
    monkeypatch.setattr(
        'mmlatte.models.classifiers.fitted.print_log',
        lambda text, *_, **__: said.append(text),
    )
    built.fit(frozen)
    found = built(frozen.rows()).argmax(dim=1).numpy()
    whole = np.array([1, 0, 2, 3])[truth]
    # The other names would be right in half of the images.
    assert (found == (truth if changed else whole)).mean() > 0.9
    assert any('posteriors count' in text for text in said) == changed


@pytest.mark.parametrize(
    'options, count, why',
    [
        ({}, 39, '39 images, fewer than 10 for each of 4 names'),
        ({'min_clusters': 1.0}, 400, 'form 4 clusters, too few'),
    ],
)
def test_it_stays_zero_shot_and_says_why(
    options, count, why, make_frozen, tiny_model, monkeypatch
):
    frozen, _ = make_frozen(n=400, classes=4, spread=0.25)
    built = tiny_model(
        LattePlusClassifier, frozen.class_features, options=options
    )
    before = built(frozen.rows())
    said = []
    monkeypatch.setattr(
        'mmlatte.models.classifiers.fitted.print_log',
        lambda text, *_, **__: said.append(text),
    )
    built.fit(frozen.part(slice(count)))
    assert built.kept_zero_shot
    assert why in said[-1] and 'staying with zero-shot CLIP' in said[-1]
    torch.testing.assert_close(built(frozen.rows()), before)


def test_it_stays_zero_shot_where_centring_scatters_labels(
    make_frozen, tiny_model, monkeypatch
):
    frozen, truth = make_frozen(n=2000, classes=6, spread=0.2)
    # Most images show class 0: their mean is that class, not the gap.
    every = np.arange(len(truth)) % 8 == 0
    part = frozen.part((truth == 0) | ((truth < 3) & every))
    built = tiny_model(LattePlusClassifier, frozen.class_features)
    before = built(frozen.rows())
    said = []
    monkeypatch.setattr(
        'mmlatte.models.classifiers.fitted.print_log',
        lambda text, *_, **__: said.append(text),
    )
    built.fit(part)
    assert built.kept_zero_shot
    assert 'centring scatters the labels within clusters' in said[-1]
    torch.testing.assert_close(built(frozen.rows()), before)
    built.options = LattePlusOptions(max_purity_loss=1.0)
    said.clear()
    built.fit(part)
    assert not any('centring' in text for text in said)


def test_all_images_called_one_name_are_no_classes(
    make_frozen, tiny_model, monkeypatch
):
    frozen, _ = make_frozen(n=400, classes=4, spread=0.25)
    monkeypatch.setattr(
        'mmlatte.fits.latteplus.name_evidence',
        lambda *_: 5 * torch.eye(4)[[2] * 4],
    )
    built = tiny_model(LattePlusClassifier, frozen.class_features)
    before = built(frozen.rows())
    built.fit(frozen)
    assert built.kept_zero_shot
    torch.testing.assert_close(built(frozen.rows()), before)


@pytest.mark.parametrize(
    'options, message',
    [
        ({'label_weight': -1.0}, 'label_weight, own_weight and matching'),
        ({'own_weight': -1.0}, 'label_weight, own_weight and matching'),
        ({'matching_clusters': -1.0}, 'label_weight, own_weight and matching'),
        ({'max_purity_loss': 0.0}, 'max_purity_loss must be'),
        ({'alpha': 1.0}, 'alpha must be'),
        ({'valley': 0.0}, 'valley must be'),
    ],
)
def test_options_out_of_range_are_refused(options, message, tiny_model):
    with pytest.raises(ValueError, match=message):
        tiny_model(
            LattePlusClassifier,
            np.eye(4, 16, dtype=np.float32),
            options=options,
        )


def test_as_prototypes_it_predicts_by_cosines(make_frozen, tiny_model):
    frozen, truth = make_frozen(n=400, classes=4, spread=0.25)
    built = tiny_model(
        LattePlusClassifier, frozen.class_features, as_prototypes=True
    )
    assert built.uses_prototypes_only and built.open_vocabulary
    zero_shot = built.clip.scale * frozen.rows() @ built.memory.prototypes.T
    torch.testing.assert_close(built(frozen.rows()), zero_shot)
    built.fit(frozen)
    logits = built(frozen.rows())
    assert not built.open_vocabulary
    torch.testing.assert_close(
        built.memory.prototypes.norm(dim=1), torch.ones(4)
    )
    assert (logits.argmax(dim=1).numpy() == truth).mean() > 0.95
    linear = tiny_model(LattePlusClassifier, frozen.class_features)
    assert not linear.uses_prototypes_only
    linear.fit(frozen)
    same = linear(frozen.rows()).argmax(dim=1) == logits.argmax(dim=1)
    assert same.float().mean() > 0.95
    other = tiny_model(
        LattePlusClassifier, frozen.class_features, as_prototypes=True
    )
    other.load_state_dict(built.state_dict())
    assert torch.equal(other(frozen.rows()), logits)
    # Where loading is not strict, a missing scale must not become zero.
    with pytest.raises(RuntimeError, match='fitted without as_prototypes'):
        other.load_state_dict(linear.state_dict(), strict=False)


@pytest.mark.parametrize('count', [16, 20, 40])
def test_prototypes_of_few_images_classify_others(
    count, make_frozen, tiny_model
):
    """As many images as dimensions, 16, and more."""
    frozen, _ = make_frozen(n=count + 400, classes=3, spread=0.25)
    part = frozen.part(slice(count))
    found = []
    for as_prototypes in (False, True):
        built = tiny_model(
            GDAClassifier, part.class_features, as_prototypes=as_prototypes
        )
        built.fit(part)
        found.append(built(frozen.rows()[count:]).argmax(dim=1))
    assert (found[0] == found[1]).float().mean() > 0.95


def test_as_prototypes_there_are_no_more_classes_than_dimensions(tiny_model):
    texts = np.eye(16, dtype=np.float32).repeat(2, axis=0)
    with pytest.raises(ValueError, match='needs from 2 to 16 classes'):
        tiny_model(LattePlusClassifier, texts, as_prototypes=True)


def test_more_images_than_nodes(make_frozen, tiny_model, monkeypatch):
    """Where the graph is too large, the nearest mean labels the others."""
    frozen, _ = make_frozen(n=600, classes=4, spread=0.25)
    built = tiny_model(LattePlusClassifier, frozen.class_features)
    built.fit(frozen)
    whole = built(frozen.rows()).argmax(dim=1)
    monkeypatch.setattr('mmlatte.fits.latteplus.MAX_NODES', 400)
    built.init_weights()
    built.fit(frozen)
    part = built(frozen.rows()).argmax(dim=1)
    assert (whole == part).float().mean() > 0.9


def test_priors_follow_the_images(make_frozen, tiny_model):
    frozen, _ = make_frozen(n=90)
    equal = tiny_model(
        GDAClassifier, frozen.class_features, options=dict(iterations=1)
    )
    own = tiny_model(
        GDAClassifier,
        frozen.class_features,
        options=dict(iterations=1, estimate_priors=True),
    )
    logits = equal(frozen.rows())
    equal.fit(frozen)
    own.fit(frozen)
    counts = logits.softmax(dim=1).sum(dim=0)
    expected = ((counts + 1) / (90 + 3)).log()
    torch.testing.assert_close(
        (own.bias - equal.bias).double(), expected.double(), atol=1e-4, rtol=0
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 60), st.integers(2, 6), st.integers(0, 10**6))
def test_every_class_speaks_as_loud(n, classes, seed):
    generator = torch.Generator().manual_seed(seed)
    x, t = (
        F.normalize(torch.randn(m, 8, generator=generator), dim=1)
        for m in (n, classes)
    )
    voices = seed_scores(x, t, LattePlusOptions())
    assert voices.shape == (n, classes) and (voices >= 0).all()
    torch.testing.assert_close(voices.sum(dim=0), torch.ones(classes))


def test_edges_in_parts_carry_the_same(monkeypatch):
    x = F.normalize(torch.randn(50, 8), dim=1)
    graph = neighbour_graph.NeighbourGraph(x, 5)
    values = torch.rand(50, 3)
    whole = graph @ values
    monkeypatch.setattr(neighbour_graph, 'CARRIED', 20)  # six edges
    assert torch.equal(graph @ values, whole)
