import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmlatte.fits import (
    FrozenFeatures,
    LattePlusOptions,
    LinearClassifier,
    fit_gaussians,
    fit_latteplus,
    frozen_features,
    gaussians,
)
from mmlatte.fits.latteplus import _start, choose_seeds
from mmlatte.fits.valleys import join_clusters, valleys

WIDTH = 16


def unit(x):
    return F.normalize(torch.as_tensor(x, dtype=torch.float32), dim=1)


def make(features, texts, scale=20.0):
    features, texts = unit(features), unit(texts)
    scores, labels = (features @ texts.T).max(dim=1)
    return FrozenFeatures(
        features=features.numpy(),
        labels=labels.numpy(),
        scores=scores.numpy(),
        class_features=texts.numpy(),
        scale=scale,
    )


def drawn(shown=(0, 1, 2, 3), names=4, per_class=150, gap=0.5, seed=0):
    """Images around their names, with a gap between the modalities."""
    draw = torch.Generator().manual_seed(seed)
    texts = torch.eye(WIDTH)[:names]
    labels = torch.tensor(shown).repeat_interleave(per_class)
    noise = 0.15 * torch.randn(len(labels), WIDTH, generator=draw)
    images = texts[labels] + noise
    images[:, -1] += gap
    # Texts lean to the second name, so that zero-shot labels are imperfect.
    texts = (
        texts + 0.8 * torch.eye(WIDTH)[1] * (torch.arange(names) == 0)[:, None]
    )
    order = torch.randperm(len(labels), generator=draw)
    return make(images[order], texts), labels[order]


def share(found, labels):
    return float((found == labels).float().mean())


def test_drawn_gaussians_are_recovered():
    frozen, labels = drawn()
    fit = fit_latteplus(frozen)
    assert not fit.kept_zero_shot
    assert 'kappa' in fit.notes[0]
    assert share(fit.labels, labels) > 0.98
    assert share(fit.labels, labels) >= share(
        torch.from_numpy(frozen.labels), labels
    )
    assert not fit.unused.any()
    assert fit.labels.dtype == torch.int64
    assert torch.equal(fit.classifier.labels(frozen), fit.labels)
    assert fit.classifier.weight.shape == (4, WIDTH)


def test_names_without_images_are_unused():
    frozen, labels = drawn(shown=(0, 2), per_class=200)
    fit = fit_latteplus(frozen)
    assert not fit.kept_zero_shot
    assert fit.unused.tolist() == [False, True, False, True]
    assert share(fit.labels, labels) > 0.98


def kept(frozen, fit):
    zero_shot = LinearClassifier.zero_shot(frozen)
    assert fit.kept_zero_shot
    assert torch.equal(fit.classifier.weight, zero_shot.weight)
    assert torch.equal(fit.labels, torch.from_numpy(frozen.labels))
    assert not fit.unused.any()
    return fit.reason


def test_one_cluster_keeps_zero_shot():
    frozen, _ = drawn(shown=(2,), per_class=400)
    kept(frozen, fit_latteplus(frozen))


def test_uninformative_names_keep_zero_shot():
    frozen, _ = drawn()
    # Names that differ where images do not.
    draw = torch.Generator().manual_seed(1)
    texts = torch.ones(4, WIDTH) + torch.randn(4, WIDTH, generator=draw)
    texts[:, :4] = 1.0
    frozen = make(frozen.features, texts)
    assert 'too little' in kept(frozen, fit_latteplus(frozen))


def test_few_images_keep_zero_shot():
    frozen, _ = drawn(per_class=19)
    assert '76 images' in kept(frozen, fit_latteplus(frozen))


def test_one_name_keeps_zero_shot():
    frozen, _ = drawn(shown=(0,), names=1)
    assert 'one class name' in kept(frozen, fit_latteplus(frozen))


def test_is_deterministic():
    first, second = (fit_latteplus(drawn()[0]) for _ in range(2))
    assert torch.equal(first.classifier.weight, second.classifier.weight)
    assert torch.equal(first.classifier.bias, second.classifier.bias)


def test_order_of_images_does_not_matter():
    frozen, labels = drawn()
    order = torch.randperm(len(labels), generator=torch.manual_seed(2))
    moved = fit_latteplus(frozen.part(order.numpy()))
    assert torch.equal(moved.labels, fit_latteplus(frozen).labels[order])


def test_copies_of_images_are_reached():
    frozen, labels = drawn()
    features = torch.from_numpy(frozen.features)
    # More copies than the graph has neighbours: an island without seeds.
    copies = features[int((labels == 3).nonzero()[0])].expand(30, -1)
    features = torch.cat([features, copies])
    fit = fit_latteplus(make(features, frozen.class_features))
    assert fit.classifier.weight.isfinite().all()
    assert (fit.labels[-30:] == 3).all()


def test_unreached_images_start_at_the_nearest_mean():
    frozen, _ = drawn()
    x, mean = frozen.rows(), torch.zeros(WIDTH)
    spread = torch.zeros(len(x), 4)
    truth = x[:, :4].argmax(dim=1)
    spread[:300] = F.one_hot(truth[:300], 4).float()
    start = _start(frozen, x, mean, spread)(slice(None), x).argmax(dim=1)
    means = torch.stack([x[:300][truth[:300] == c].mean(0) for c in range(4)])
    nearest = (x @ F.normalize(means, dim=1).T).argmax(dim=1)
    assert torch.equal(start[:300], truth[:300])
    assert torch.equal(start[300:], nearest[300:])


def test_more_images_than_nodes():
    frozen, labels = drawn()
    fit = fit_latteplus(frozen, LattePlusOptions(max_nodes=300))
    assert share(fit.labels, labels) > 0.98


def test_mapped_half_precision_is_fitted_in_chunks(tmp_path, monkeypatch):
    frozen, labels = drawn()
    half = frozen.features.astype(np.float16)
    np.save(tmp_path / 'features.npy', half)
    mapped = dataclasses.replace(
        frozen, features=np.load(tmp_path / 'features.npy', mmap_mode='r')
    )
    whole = fit_latteplus(dataclasses.replace(frozen, features=half))
    assert torch.equal(fit_latteplus(mapped).labels, whole.labels)
    monkeypatch.setattr(frozen_features, 'LOGITS', 4 * 300)
    assert [part.stop for part, _ in mapped.chunks()] == [300, 600]
    found = fit_latteplus(mapped)
    assert share(found.labels, labels) > 0.98
    torch.testing.assert_close(
        found.classifier.weight, whole.classifier.weight, rtol=1e-5, atol=1e-4
    )


def test_em_ends_when_nearly_nothing_changes(monkeypatch):
    frozen = drawn()[0]
    # Overlapping classes: EM takes several steps.
    draw = torch.Generator().manual_seed(1)
    noise = 0.5 * torch.randn(frozen.features.shape, generator=draw)
    frozen = make(frozen.features + noise.numpy(), frozen.class_features)
    start = LinearClassifier.zero_shot(frozen).double().posteriors
    to_the_end = fit_gaussians(frozen, start)
    assert to_the_end.converged and not to_the_end.changed
    monkeypatch.setattr(gaussians, 'STILL', 0.1)
    sooner = fit_gaussians(frozen, start)
    assert sooner.converged and 0 < sooner.changed <= 0.1 * len(frozen)
    assert sooner.iterations < to_the_end.iterations


def test_seeds_are_the_nearest_images():
    cosines = torch.randn(200, 2, generator=torch.manual_seed(0))
    seeds = choose_seeds(cosines, LattePlusOptions())
    assert seeds.sum(dim=0).tolist() == [10, 10]
    for column, seed in zip(cosines.T, seeds.T.bool(), strict=True):
        assert column[seed].min() >= column[~seed].max()
    seeds = choose_seeds(cosines, LattePlusOptions(max_seeds=4))
    assert seeds.sum() == 8


def test_valleys_are_deep_between_clusters_only():
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(600, 3, generator=draw, dtype=torch.float64)
    x[400:, 1] += 8
    labels = (x[:, 0] > 0.3).long()
    labels[400:] = 2
    options = LattePlusOptions()
    depth = {(a, b): v for v, a, b in valleys(x, labels, options)}
    assert depth[0, 1] > 0.75
    assert depth[0, 2] < 0.2
    joined = join_clusters(x, labels, options)
    assert joined.unique().tolist() == [0, 2]
    assert torch.equal(joined == 2, labels == 2)


@pytest.mark.parametrize(
    'wrong',
    [
        {'alpha': 1.0},
        {'valley': 0.0},
        {'valley_kernel': 0.0},
        {'pseudo_count': 0.0},
        {'reuse_penalty': -1.0},
        {'max_nodes': 0},
    ],
)
def test_wrong_options(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LattePlusOptions(**wrong)


def test_at_most_15_constants():
    assert len(LattePlusOptions.__dataclass_fields__) <= 15


def test_trains_further_with_few_images_only():
    frozen, _ = drawn(per_class=150)
    assert not fit_latteplus(frozen).train_further
    wide = np.pad(frozen.features, ((0, 0), (0, 200)))
    texts = np.pad(frozen.class_features, ((0, 0), (0, 200)))
    assert fit_latteplus(make(wide, texts)).train_further
