"""One step of NtUA against a loop over samples; its invariants."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlatte.models import NtUAClassifier
from mmlatte.models.classifiers.ntua import most_confident

LABELS = [0, 1, 0, 2, 1, 0, 3, 0]  # of the teacher; nothing is of class 4
IDS = [4, 2, 0, 3, 6]
SHOTS = 3


def frozen_of(toy):
    """The student's features, and a teacher of another width."""
    teacher = toy.frozen(LABELS, width=24)
    # A feature near the text of its label, as the teacher's label says.
    teacher.features += teacher.class_features[LABELS] * 2
    teacher.features /= np.linalg.norm(teacher.features, axis=1, keepdims=True)
    cosines = teacher.features @ teacher.class_features.T
    teacher.labels = cosines.argmax(axis=1)
    assert teacher.labels.tolist() == LABELS
    teacher.scale = 7.0  # unsure, so that weights differ
    return dataclasses.replace(toy.frozen([4] * len(LABELS)), teacher=teacher)


@pytest.fixture
def model(toy):
    built = toy.model(NtUAClassifier, shots=SHOTS, alpha=1.3, beta=2.5)
    built.set_frozen(frozen_of(toy))
    return built


def confidence(teacher, i):
    e = [
        math.exp(teacher.scale * float(teacher.features[i] @ text))
        for text in teacher.class_features
    ]
    return max(e) / sum(e)


def naive_cache(frozen):
    """(sample, label, weight) of everything cached."""
    sure = [confidence(frozen.teacher, i) for i in range(len(LABELS))]
    cache = []
    for label in range(5):
        own = [i for i, y in enumerate(LABELS) if y == label]
        own = sorted(own, key=lambda i: -sure[i])[:SHOTS]
        cache += [(i, label, sure[i]) for i in own]
    return cache, sure


def naive_logits(f, z, keys, cache, scale):
    """One sample; keys are in the order of the cache."""
    logits = [scale * f @ text for text in z]
    for key, (_, label, weight) in zip(keys, cache, strict=True):
        affinity = torch.exp(-2.5 * (1 - f @ key))
        logits[label] = logits[label] + 1.3 * affinity * weight
    return torch.stack(logits)


def test_step_equals_naive_loop(toy, model):
    frozen = frozen_of(toy)
    model.start_epoch(0, 1)
    inputs = toy.images(len(IDS))
    logs = model(inputs, toy.samples(IDS), mode='loss')
    logs['loss'].backward()

    clip = toy.clip().eval()
    scale = clip.logit_scale.exp().detach()

    def unit(x):
        return x / x.norm()

    z = []
    for name in toy.classes:
        tokens = toy.tokenizer([f'a photo of a {name}.'])
        z.append(unit(clip.encode_text(tokens)[0]).detach())
    cache, sure = naive_cache(frozen)
    assert len(cache) == 7  # of eight; class 0 has one too many
    keys = [
        torch.from_numpy(frozen.features[i]).double().requires_grad_()
        for i, _, _ in cache
    ]
    loss = 0.0
    for i, x in zip(IDS, inputs, strict=True):
        f = unit(clip.encode_image(x.unsqueeze(0))[0]).detach()
        logits = naive_logits(f, z, keys, cache, scale)
        nll = logits.exp().sum().log() - logits[LABELS[i]]
        loss = loss + sure[i] * nll / len(IDS)
    loss.backward()

    torch.testing.assert_close(logs['loss'], loss, rtol=0, atol=1e-5)
    mean = sum(sure[i] for i in IDS) / len(IDS)
    assert float(logs['confidence']) == pytest.approx(mean, abs=1e-6)
    there = model.weights > 0
    assert there.sum(dim=1).tolist() == [3, 2, 1, 1, 0]
    gradients = model.keys.grad[there]
    for mine, key in zip(gradients, keys, strict=True):
        torch.testing.assert_close(mine, key.grad, rtol=1e-5, atol=1e-9)
    assert gradients.abs().amax(dim=1).min() > 1e-6
    # Empty places never become a key.
    assert not model.keys.grad[~there].any() and not model.keys[~there].any()
    # Nothing else learns.
    trained = [n for n, p in model.named_parameters() if p.requires_grad]
    assert trained == ['keys']

    # The prediction is the same function.
    model.eval()
    f = unit(clip.encode_image(inputs[:1])[0]).detach()
    expected = naive_logits(f, z, keys, cache, scale)
    actual = model(inputs[:1])[0]
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-5)


def test_padding_samples_change_nothing(toy, model):
    model.start_epoch(0, 1)
    inputs = toy.images(len(IDS))
    plain = model(inputs, toy.samples(IDS), mode='loss')
    padded = model(
        torch.cat([inputs, inputs[:1]]),
        toy.samples([*IDS, IDS[0]]),
        mode='loss',
    )
    for key, value in plain.items():
        torch.testing.assert_close(padded[key], value)


@torch.no_grad()
def test_is_zero_shot_clip_until_the_first_epoch(toy, model):
    model.eval()
    inputs = toy.images(4)
    f = model.extract_feat(inputs)
    zero_shot = model.clip.scale * f @ model.memory.prototypes.T
    torch.testing.assert_close(model(inputs), zero_shot)
    model.start_epoch(0, 1)
    assert not torch.allclose(model(inputs), zero_shot, atol=1e-2)


@torch.no_grad()
def test_checkpoint_alone_predicts_and_is_not_refilled(toy, model):
    model.start_epoch(0, 2)
    model.keys += 0.1 * torch.randn_like(model.keys)
    inputs = toy.images(4)
    expected = model.eval()(inputs)
    # Of two classes and one shot, until the checkpoint comes.
    other = toy.model(
        NtUAClassifier, class_names=['a', 'b'], shots=1, alpha=1.3, beta=2.5
    )
    other.load_state_dict(model.state_dict())
    torch.testing.assert_close(other.eval()(inputs), expected)
    other.set_frozen(frozen_of(toy))
    other.start_epoch(1, 2)
    assert torch.equal(other.keys, model.keys)
    assert other.keys.requires_grad
    # As the start of a run on other images.
    fresh = toy.model(NtUAClassifier, shots=SHOTS, alpha=1.3, beta=2.5)
    fresh.set_frozen(frozen_of(toy))
    other.forget_images()
    for built in (fresh, other):
        built.start_epoch(0, 2)
    assert torch.equal(other.keys, fresh.keys)
    assert not torch.equal(other.keys, model.keys)


@settings(max_examples=60, deadline=None)
@given(
    data=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 20)), max_size=30
    ),
    shots=st.integers(1, 6),
)
def test_the_most_confident_are_cached(data, shots):
    labels = torch.tensor([y for y, _ in data], dtype=torch.long)
    sure = torch.tensor([float(w) for _, w in data])
    chosen = most_confident(labels, sure, 4, shots)
    assert chosen.shape == (4, shots)
    for label, row in enumerate(chosen.tolist()):
        own = [i for i in range(len(data)) if labels[i] == label]
        own = sorted(own, key=lambda i: (-sure[i], i))[:shots]
        assert row == own + [-1] * (shots - len(own))


def test_mistakes_are_named(toy):
    model = toy.model(NtUAClassifier)
    with pytest.raises(RuntimeError, match='FrozenFeaturesHook'):
        model(toy.images(1), toy.samples([0]), mode='loss')
    with pytest.raises(ValueError, match='needs a teacher'):
        model.set_frozen(toy.frozen(LABELS))
    with pytest.raises(ValueError, match=r'clip\.tuning'):
        toy.model(NtUAClassifier, tuning='NormTuning')
    with pytest.raises(ValueError, match='shots and beta'):
        toy.model(NtUAClassifier, shots=0)
