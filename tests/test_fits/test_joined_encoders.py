import numpy as np
import pytest
import torch

from mmlatte.fits import (
    FrozenFeatures,
    LinearClassifier,
    fit_gda,
    fit_latteplus,
    fit_transport,
    join_encoders,
    label_with_both,
)
from mmlatte.fits.answers import AnswersOptions, GivenAnswers, fit_answered


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def make(n=400, classes=4, noise=0.33, seed=0):
    """Images that the second encoder separates better than CLIP."""
    rng = np.random.default_rng(seed)
    texts = unit(rng.normal(size=(classes, 16)))
    truth = rng.integers(classes, size=n)
    clip = unit(texts[truth] + noise * rng.normal(size=(n, 16)))
    second = unit(rng.normal(size=(classes, 200)))[truth]
    second = unit(second + 0.03 * rng.normal(size=(n, 200)) + 0.3)
    cosines = clip @ texts.T
    frozen = FrozenFeatures(
        features=clip.astype(np.float32),
        labels=cosines.argmax(axis=1),
        scores=cosines.max(axis=1).astype(np.float32),
        class_features=texts.astype(np.float32),
        scale=10.0,
    )
    return frozen, second.astype(np.float32), truth


def accuracy(fit, truth):
    return (fit.labels.numpy() == truth).mean()


def test_rows_are_those_of_principal_components():
    frozen, second, _ = make()
    joined = join_encoders(frozen.seen_by(second))
    rows = joined.frozen.rows().numpy()
    assert rows.shape == (400, 16 + 128)
    assert np.array_equal(rows[:, :16], frozen.features)
    centred = second.astype(float) - second.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    found, wanted = rows[:, 16:], centred @ directions[:128].T
    # Up to signs and order.
    assert np.allclose(found @ found.T, wanted @ wanted.T, atol=1e-4)
    few = joined.frozen.rows([3, 1]).numpy()
    assert np.allclose(few, rows[[3, 1]], atol=1e-6)


def test_zero_shot_stays_that_of_clip():
    frozen, second, _ = make()
    joined = join_encoders(frozen.seen_by(second)).frozen
    assert joined.classes == 4
    alone = LinearClassifier.zero_shot(frozen).logits(frozen.rows())
    both = LinearClassifier.zero_shot(joined).logits(joined.rows())
    assert torch.allclose(alone, both, atol=1e-5)


def test_a_widened_classifier_takes_whole_features():
    frozen, second, _ = make()
    joined = join_encoders(frozen.seen_by(second))
    fit = fit_gda(joined.frozen)
    whole = joined.widen(fit)
    features = torch.from_numpy(
        np.concatenate([frozen.features, second], axis=1)
    )
    assert torch.allclose(
        whole.classifier.logits(features),
        fit.classifier.logits(joined.frozen.rows()),
        rtol=1e-3,
        atol=1e-2,
    )
    assert torch.equal(whole.labels, fit.labels)


@pytest.mark.parametrize('fit', [fit_latteplus, fit_gda])
def test_fits_gain_by_the_second_encoder(fit):
    frozen, second, truth = make()
    alone = accuracy(fit(frozen), truth)
    both = accuracy(fit(join_encoders(frozen.seen_by(second)).frozen), truth)
    assert both > max(alone, accuracy_of_zero_shot(frozen, truth)) + 0.03


def accuracy_of_zero_shot(frozen, truth):
    return (frozen.labels == truth).mean()


def test_transport_reads_the_second_encoder_of_the_features():
    frozen, second, _ = make()
    given = fit_transport(frozen, others=[second])
    found = fit_transport(frozen.seen_by(second))
    assert torch.equal(given.labels, found.labels)
    assert torch.equal(given.classifier.means, found.classifier.means)


def test_answers_spread_over_both():
    frozen, second, truth = make(noise=0.6)
    rows = np.array([np.flatnonzero(truth == c)[0] for c in range(4)])
    frozen.answers = GivenAnswers(rows, truth[rows])
    alone = fit_answered(frozen)
    joined = join_encoders(frozen.seen_by(second))
    both = fit_answered(joined.frozen, AnswersOptions())
    assert accuracy(both, truth) > accuracy(alone, truth) + 0.05
    assert (both.labels.numpy()[rows] == truth[rows]).all()
    whole = joined.widen(both)
    assert whole.classifier.weight.shape == (4, 216)


def test_labels_of_both_make_a_classifier_of_clip_alone():
    frozen, second, truth = make()
    seen = frozen.seen_by(second)
    fit = label_with_both(seen, fit_latteplus)
    assert fit.classifier.weight.shape == (4, 16)
    best = fit_latteplus(join_encoders(seen).frozen)
    assert torch.equal(fit.labels, best.labels)
    own = (fit.classifier.labels(frozen).numpy() == truth).mean()
    assert own > accuracy(fit_latteplus(frozen), truth)
    # Without a second encoder it is the fit itself.
    plain = label_with_both(frozen, fit_latteplus)
    assert torch.equal(
        plain.classifier.weight, fit_latteplus(frozen).classifier.weight
    )


def test_parts_keep_both_encoders():
    frozen, second, _ = make()
    part = frozen.seen_by(second).part(np.array([5, 2]))
    assert np.array_equal(part.second.features, second[[5, 2]])
    assert len(part.second) == 2


def test_features_of_other_images_are_refused():
    frozen, second, _ = make()
    with pytest.raises(ValueError, match='features of 399 images'):
        frozen.seen_by(second[1:])
    with pytest.raises(ValueError, match='no features of a second encoder'):
        join_encoders(frozen)


def test_both_move_to_a_device():
    frozen, second, _ = make(n=20)
    moved = frozen.seen_by(second).on('meta')
    assert moved.second.device == moved.device == 'meta'
    assert moved.second.rows().device.type == 'meta'


def test_ranks_see_the_same_directions(monkeypatch):
    """Those of the first rank: the signs of others may differ."""
    frozen, second, _ = make(n=200)
    frozen = frozen.seen_by(second)
    expected = join_encoders(frozen)
    first = [expected.mean, expected.basis]
    monkeypatch.setattr(
        FrozenFeatures,
        'agree',
        lambda self, tensor: tensor.copy_(first.pop(0)),
    )
    decompose = torch.linalg.eigh

    def turned(matrix):
        found = decompose(matrix)
        return type(found)((found.eigenvalues, -found.eigenvectors))

    monkeypatch.setattr(torch.linalg, 'eigh', turned)
    found = join_encoders(frozen)
    assert torch.equal(found.basis, expected.basis)
    assert np.array_equal(
        found.frozen.features[:5], expected.frozen.features[:5]
    )
