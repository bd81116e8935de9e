"""NoLA's parts against loops written from the paper."""

import dataclasses

import numpy as np
import pytest
import torch

from mmlatte.models import NoLAClassifier
from mmlatte.models.classifiers.nola.confident_images import confident_images
from mmlatte.models.classifiers.nola.label_head import (
    fit_label_head,
    head_labels,
)


def unit(x):
    return x / x.norm()


@pytest.mark.parametrize('never', [None, 3])
def test_confident_images_equal_a_loop(never):
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), size=90)
    if never is not None:  # a class that is nobody's first choice
        p[:, never] *= 0.01
        p /= p.sum(axis=1, keepdims=True)
    rows, labels = confident_images(torch.from_numpy(p), share=0.5, least=3)
    found = {(int(r), int(c)) for r, c in zip(rows, labels, strict=True)}
    expected = set()
    for c in range(4):
        ranks = [int((row > row[c]).sum()) for row in p]
        own = [i for i, rank in enumerate(ranks) if rank == 0]
        if not own:
            own = [i for i, rank in enumerate(ranks) if rank in (1, 2)]
        own.sort(key=lambda i: -p[i, c])
        expected |= {(i, c) for i in own[: max(3, int(0.5 * 90 / 4))]}
    assert found == expected


def test_the_head_equals_adam_written_out():
    torch.manual_seed(3)
    x, y = torch.randn(6, 4), torch.tensor([0, 1, 2, 0, 1, 2])
    before = torch.random.get_rng_state()
    head = fit_label_head(x, y, 3, width=5, epochs=1, batch_size=6, lr=0.01)
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(0)
    first, last = torch.nn.Linear(4, 5), torch.nn.Linear(5, 3)
    hidden = first(x).relu()
    loss = -last(hidden).log_softmax(1)[range(6), y].mean()
    loss.backward()
    for linear, found in ((first, head[0]), (last, head[2])):
        for name in ('weight', 'bias'):
            value = getattr(linear, name)
            # Adam's first step is lr times the sign, but for its epsilon.
            step = 0.01 * value.grad / (value.grad.abs() + 1e-8)
            expected = (value - step).detach()
            assert torch.allclose(getattr(found, name), expected, atol=1e-6)


def frozen_pair(toy, n=40):
    """Images that the second encoder separates, and CLIP half-way."""
    rng = np.random.default_rng(1)
    truth = np.arange(n) % 5
    frozen = toy.frozen([0] * n)
    texts = frozen.class_features
    features = texts[truth] + 0.4 * rng.normal(size=(n, 16))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    second = np.eye(5, 8)[truth] + 0.05 * rng.normal(size=(n, 8))
    second /= np.linalg.norm(second, axis=1, keepdims=True)
    frozen = dataclasses.replace(
        frozen,
        features=features.astype(np.float32),
        labels=(features @ texts.T).argmax(axis=1),
    )
    return frozen.seen_by(second.astype(np.float32)), truth


def make(toy, **kwargs):
    return toy.model(NoLAClassifier, tuning='NormTuning', **kwargs)


def test_the_head_labels_what_clip_does_not(toy):
    frozen, truth = frozen_pair(toy)
    model = make(toy, share=0.5, least=2)
    model.set_frozen(frozen)
    zero_shot = (frozen.labels == truth).mean()
    assert zero_shot < 0.95
    assert (model.labels.numpy() == truth).mean() > zero_shot
    # They depend on the frozen features alone: a resumed run has the same.
    again = make(toy, share=0.5, least=2)
    with torch.no_grad():
        again.memory.weight += 1
    again.set_frozen(frozen)
    assert torch.equal(model.labels, again.labels)


def test_step_equals_naive_loop(toy):
    model = make(toy)
    frozen, _ = frozen_pair(toy)
    model.set_frozen(frozen)
    ids, inputs = [4, 8, 1], toy.images(3)
    loss = model(inputs, toy.samples(ids), mode='loss')['loss']
    reference, w = toy.clip(), model.memory.weight.detach()
    scale, total = reference.logit_scale.exp().detach(), 0.0
    for i, x in zip(ids, inputs, strict=True):
        f = unit(reference.encode_image(x[None])[0])
        log_p = torch.stack([scale * f @ row for row in w]).log_softmax(0)
        for c in range(5):
            target = 0.1 / 5 + (0.9 if c == model.labels[i] else 0.0)
            total = total - target * log_p[c] / 3
    torch.testing.assert_close(
        loss.detach(), total.detach(), rtol=0, atol=1e-8
    )


def test_starts_at_templates_and_sentences(toy):
    told = {name: [f'{name} seen from above', 'land'] for name in toy.classes}
    model = make(toy, descriptions=told)
    clip, row = model.clip, model.memory.weight[2]
    texts = ['a photo of a highway or road.', *told['highway or road']]
    expected = unit(torch.stack([*clip.encode_texts(texts)]).mean(dim=0))
    torch.testing.assert_close(row.detach(), expected.to(row))
    assert model.uses_lmm and not make(toy).uses_lmm


def test_needs_a_second_encoder(toy):
    with pytest.raises(ValueError, match=r'frozen_features\.second_encoder'):
        make(toy).set_frozen(toy.frozen([0] * 9))


def test_head_labels_read_the_features_in_chunks(toy):
    frozen, _ = frozen_pair(toy)
    head = fit_label_head(torch.eye(8), torch.arange(8) % 5, 5, epochs=1)
    rows = torch.from_numpy(frozen.second.features)
    expected = head(rows).argmax(dim=1)
    assert torch.equal(head_labels(head, frozen.second), expected)
