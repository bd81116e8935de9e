"""LattePlus, tuned: where it starts from, and when it does not start."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmlatte.fits import (
    FrozenFeatures,
    LattePlusFit,
    LinearClassifier,
    fit_latteplus,
)
from mmlatte.fits.answers import NONE, GivenAnswers, fit_answered
from mmlatte.models import LattePlusClassifier, LattePlusTunedClassifier
from mmlatte.models.classifiers.dpa import align_distribution
from mmlatte.models.losses import fairness_loss


@pytest.fixture
def tuned(tiny_clip_dir):
    def build(texts, **kwargs):
        clip = dict(
            type='mmlatte.OpenCLIP',
            model_name=f'local-dir:{tiny_clip_dir}',
            freeze_text=True,
        )
        names = [f'class {c}' for c in range(len(texts))]
        return LattePlusTunedClassifier(clip, names, **kwargs)

    return build


def found_labels(labels):
    """A fit with given labels of three classes."""
    labels = torch.as_tensor(labels)
    return LattePlusFit(
        LinearClassifier(torch.eye(3, 16), torch.zeros(3)),
        labels,
        unused=labels.bincount(minlength=3) == 0,
        train_further=True,
    )


def test_it_starts_from_the_clusters(tuned, make_frozen, tiny_model):
    frozen, _ = make_frozen(n=200, classes=4, spread=0.2)
    plain = tiny_model(LattePlusClassifier, frozen.class_features)
    plain.fit(frozen)
    labels = fit_latteplus(frozen).labels.numpy()
    assert not plain.kept_zero_shot
    assert (labels != frozen.labels).any()

    model = tuned(frozen.class_features)
    model.set_frozen(frozen)
    assert not model.kept_zero_shot
    np.testing.assert_array_equal(model.frozen.labels, labels)
    for c in range(4):
        own = torch.from_numpy(frozen.features[labels == c])
        mean = F.normalize(own.mean(dim=0), dim=0)
        torch.testing.assert_close(model.image_prototypes[c], mean)
        share = 0.5 / 4 + 0.5 * (labels == c).mean()
        assert model.shares[c] == pytest.approx(share)


@pytest.mark.parametrize(
    'balance, shares',
    [(0, [0.7, 0, 0.3]), (0.5, [0.6, 0, 0.4]), (1, [0.5, 0, 0.5])],
)
def test_a_name_without_a_cluster_has_no_share(
    balance, shares, tuned, make_frozen, monkeypatch
):
    frozen, _ = make_frozen(n=10, classes=3)
    found = found_labels([0] * 7 + [2] * 3)
    monkeypatch.setattr(
        'mmlatte.models.classifiers.latteplus_tuned.agreed_latteplus',
        lambda *_: found,
    )
    model = tuned(frozen.class_features, balance=balance)
    model.set_frozen(frozen)
    torch.testing.assert_close(model.shares, torch.tensor(shares))


@pytest.mark.parametrize(
    'counts, trained',
    [((5, 3, 2), True), ((7, 1, 2), False), ((5, 5, 0), False)],
)
def test_uneven_shares_are_not_trained(
    counts, trained, tuned, make_frozen, monkeypatch
):
    """exp(entropy) is 2.80, 2.23, 2.00; 0.8 of three names is 2.4."""
    frozen, _ = make_frozen(n=10, classes=3)
    labels = np.repeat(np.arange(3), counts)
    monkeypatch.setattr(
        'mmlatte.models.classifiers.latteplus_tuned.agreed_latteplus',
        lambda *_: found_labels(labels),
    )
    model = tuned(frozen.class_features)
    model.set_frozen(frozen)
    assert model.is_fitted is not trained
    always = tuned(frozen.class_features, min_perplexity=0)
    always.set_frozen(frozen)
    assert not always.is_fitted
    if not trained:
        model.adopt_fit()
        assert not model.open_vocabulary


@pytest.mark.parametrize('name', ['balance', 'min_perplexity'])
def test_shares_are_shares(name, tuned):
    with pytest.raises(ValueError, match=rf'{name} must be in \[0, 1\]'):
        tuned(np.eye(3), **{name: 1.5})


def test_labels_of_the_classifier_are_those_it_predicts(
    make_frozen, tiny_model
):
    frozen, _ = make_frozen(n=200, classes=4, spread=0.2)
    model = tiny_model(LattePlusClassifier, frozen.class_features)
    model.fit(frozen)
    predicted = model(frozen.rows()).argmax(dim=1)
    assert torch.equal(fit_latteplus(frozen).labels, predicted)


def test_without_clusters_nothing_is_trained(tuned, make_frozen):
    frozen, truth = make_frozen(n=300, classes=5, spread=0.2)
    frozen = frozen.part(truth == 0)
    model = tuned(frozen.class_features)
    model.set_frozen(frozen)
    assert model.kept_zero_shot
    assert fit_latteplus(frozen).kept_zero_shot
    assert not model.shares.any()


@pytest.mark.parametrize('seed', [0, 1, 2])
def test_two_names_for_one_cluster_are_no_clusters(tuned, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(600, 16)) * 0.2 + rng.normal(size=16)
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    t = rng.normal(size=(2, 16))
    t = (t / np.linalg.norm(t, axis=1, keepdims=True)).astype(np.float32)
    frozen = FrozenFeatures(x, (x @ t.T).argmax(1), (x @ t.T).max(1), t)
    assert fit_latteplus(frozen).kept_zero_shot


@pytest.mark.parametrize('always_train', [False, True])
def test_where_training_would_not_gain_the_fit_stays(
    always_train, tuned, make_frozen, tiny_model
):
    frozen, _ = make_frozen(n=400, classes=4, spread=0.25)
    plain = tiny_model(
        LattePlusClassifier, frozen.class_features, as_prototypes=True
    )
    plain.fit(frozen)
    assert not fit_latteplus(frozen).train_further
    model = tuned(frozen.class_features, always_train=always_train)
    model.memory.reset(torch.from_numpy(frozen.class_features))
    model.extract_feat = lambda inputs, stage=None: inputs
    before = model(frozen.rows()).detach()
    model.set_frozen(frozen)
    assert model.is_fitted is not always_train
    assert not model.kept_zero_shot
    # Zero-shot CLIP is evaluated after this.
    assert torch.equal(model(frozen.rows()), before)
    assert model.open_vocabulary

    model.adopt_fit()
    after = model(frozen.rows())
    if always_train:
        assert torch.equal(after, before)
        return
    torch.testing.assert_close(after, plain(frozen.rows()))
    assert model.is_fitted and not model.open_vocabulary
    assert model.fitted_parameters == plain.fitted_parameters
    again = tuned(frozen.class_features)
    again.load_state_dict(model.state_dict())
    again.extract_feat = model.extract_feat
    assert torch.equal(again(frozen.rows()), after)
    again.set_frozen(frozen)
    again.adopt_fit()
    assert again.is_fitted
    assert torch.equal(again(frozen.rows()), after)


def test_more_classes_than_dimensions_are_trained(tuned, make_frozen):
    frozen, _ = make_frozen(n=800, classes=20, spread=0.1)
    model = tuned(frozen.class_features)
    model.set_frozen(frozen)
    assert not model.kept_zero_shot and not model.is_fitted


def test_a_resumed_model_keeps_its_start(tuned, make_frozen, monkeypatch):
    frozen, _ = make_frozen(n=200, classes=4, spread=0.2)
    model = tuned(frozen.class_features)
    model.set_frozen(frozen)
    again = tuned(frozen.class_features)
    again.load_state_dict(model.state_dict())
    monkeypatch.setattr(
        'mmlatte.models.classifiers.latteplus_tuned.agreed_latteplus',
        lambda *_: pytest.fail('clusters were looked for again'),
    )
    again.set_frozen(frozen)
    assert torch.equal(again.image_prototypes, model.image_prototypes)


@pytest.mark.parametrize('always_train', [False, True])
def test_other_images_are_found_anew(always_train, tuned, make_frozen):
    """A run that starts from another one's checkpoint."""
    one, _ = make_frozen(n=400, classes=4, spread=0.25)
    two, _ = make_frozen(n=400, classes=4, spread=0.25, seed=1)

    def build(frozen):
        model = tuned(frozen.class_features, always_train=always_train)
        texts = torch.from_numpy(two.class_features)
        model.encode_classes = lambda: texts
        model.memory.reset(texts)
        return model

    first = build(one)
    first.set_frozen(one)
    first.adopt_fit()
    first.queue[-1] = 0.25
    models = build(two), build(two)
    models[0].load_state_dict(first.state_dict())
    for model in models:
        model.forget_images()
        model.set_frozen(two)
        model.adopt_fit()
    assert models[0].is_fitted is not always_train
    states = [model.state_dict() for model in models]
    for key, value in states[0].items():
        assert torch.equal(value.nan_to_num(), states[1][key].nan_to_num()), (
            key
        )


def test_predictions_are_drawn_to_the_shares():
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(64, 3, generator=draw)
    every, shares = torch.ones(64).bool(), torch.tensor([0.7, 0.3, 0.0])
    p = logits.softmax(dim=1)
    mean = p.mean(dim=0)
    expected = -sum(s * m.log() for s, m in zip(shares, mean, strict=True))
    found = fairness_loss(logits, every, shares)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    # Equal shares are those of DPA.
    equal = torch.full((3,), 1 / 3)
    torch.testing.assert_close(
        fairness_loss(logits, every, equal), fairness_loss(logits, every)
    )
    torch.testing.assert_close(
        align_distribution(p, mean, equal), align_distribution(p, mean)
    )
    aligned = align_distribution(p, mean, shares)
    assert not aligned[:, 2].any()
    torch.testing.assert_close(aligned.sum(dim=1), torch.ones(64))
    torch.testing.assert_close(
        aligned[:, 0] / aligned[:, 1],
        p[:, 0] / p[:, 1] * (0.7 / 0.3) * (mean[1] / mean[0]),
    )


@pytest.mark.parametrize('always_train', [False, True])
def test_it_starts_from_the_fit_to_answers(always_train, tuned, make_frozen):
    frozen, truth = make_frozen(n=400, classes=4, spread=0.25)
    rows = np.arange(0, 400, 16)
    frozen.answers = GivenAnswers(rows, truth[rows])
    found = fit_answered(frozen)
    model = tuned(frozen.class_features, always_train=always_train)
    model.set_frozen(frozen)
    labels = model.frozen.labels
    np.testing.assert_array_equal(labels, found.labels)
    assert (labels[rows] == truth[rows]).all() and not model.kept_zero_shot
    model.adopt_fit()
    if always_train:
        assert not model.is_fitted and model.estimated_top1 is None
        return
    form = found.classifier.as_prototypes(frozen, found.unused)
    torch.testing.assert_close(model.memory.prototypes, form.prototypes)
    assert model.is_fitted and found.estimated_top1 is not None
    assert model.estimated_top1 == found.estimated_top1


def test_images_of_none_of_the_classes_have_no_share(tuned, make_frozen):
    frozen, truth = make_frozen(n=400, classes=4, spread=0.2)
    frozen.answers = GivenAnswers(
        np.arange(80), np.where(truth[:80] == 0, NONE, truth[:80])
    )
    model = tuned(frozen.class_features, balance=0.0, always_train=True)
    model.set_frozen(frozen)
    counted = model.given.fit.labels
    counted = counted[counted >= 0].bincount(minlength=4)
    assert counted.sum() < 400
    torch.testing.assert_close(model.shares, counted / counted.sum())
