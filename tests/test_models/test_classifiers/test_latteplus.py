"""LattePlus as a classifier: buffers, prototypes, zero-shot CLIP kept."""

import numpy as np
import pytest
import torch

from mmlatte.models import (
    GDAClassifier,
    LattePlusClassifier,
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
    'options, count, why',
    [
        ({}, 79, '79 images, fewer than 20 for each of 4 names'),
        ({'min_agreement': 0.99}, 400, 'the names say too little'),
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


@pytest.mark.parametrize(
    'options, message',
    [
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


def test_more_images_than_nodes(make_frozen, tiny_model):
    """Where the graph is too large, the nearest mean labels the others."""
    frozen, _ = make_frozen(n=600, classes=4, spread=0.25)
    built = tiny_model(LattePlusClassifier, frozen.class_features)
    built.fit(frozen)
    whole = built(frozen.rows()).argmax(dim=1)
    built = tiny_model(
        LattePlusClassifier,
        frozen.class_features,
        options=dict(max_nodes=400),
    )
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
