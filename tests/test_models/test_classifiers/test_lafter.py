"""LaFTer's two stages against loops; its invariants."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlatte.models import LaFTerClassifier
from mmlatte.models.classifiers.lafter import fit_text_classifier

DESCRIPTIONS = {
    'forest': ['many green trees', 'a dense wood'],
    'river': ['water that winds', 'a long blue line', 'wet land'],
    'highway or road': ['a grey line'],
    'sea or lake': ['blue water', 'a shore'],
    'pasture': ['short grass', 'cows on green land'],
}


def unit(x):
    return x / x.norm()


def make(toy, **kwargs):
    return toy.model(
        LaFTerClassifier,
        tuning='NormTuning',
        descriptions=DESCRIPTIONS,
        text_epochs=3,
        **kwargs,
    )


def test_text_classifier_equals_naive_adamw():
    """Three steps, the optimizer and the smoothing written out."""
    generator = torch.Generator().manual_seed(7)
    texts = torch.randn(6, 4, generator=generator).double()
    texts = torch.stack([unit(t) for t in texts])
    labels, scale = [0, 0, 1, 2, 2, 1], torch.tensor(5.0).double()
    start = torch.randn(3, 4, generator=generator).double()
    fitted = fit_text_classifier(
        texts,
        torch.tensor(labels),
        start,
        scale,
        epochs=3,
        noise=0.6,
        smoothing=0.2,
        lr=0.05,
        generator=torch.Generator().manual_seed(3),
    )
    draws = torch.Generator().manual_seed(3)
    w = start.clone()
    first, second = torch.zeros_like(w), torch.zeros_like(w)
    for step in range(1, 4):
        noise = torch.randn(6, 4, generator=draws).double()
        gradient = torch.zeros_like(w)
        for t, n, y in zip(texts, noise, labels, strict=True):
            x = unit(t + 0.6 / 2 * n)
            p = torch.stack([scale * x @ row for row in w]).softmax(0)
            for c in range(3):
                target = 0.2 / 3 + (0.8 if c == y else 0.0)
                gradient[c] += scale * (p[c] - target) * x / 6
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        w = w * (1 - 0.05 * 0.01)
        w = w - 0.05 * (first / (1 - 0.9**step)) / (
            (second / (1 - 0.999**step)).sqrt() + 1e-8
        )
    torch.testing.assert_close(fitted, w, rtol=0, atol=1e-7)


def test_step_equals_naive_loop(toy):
    model = make(toy)
    frozen = toy.frozen([0] * 9)
    model.set_frozen(frozen)
    teacher = model.teacher_weight.clone()
    with torch.no_grad():
        model.memory.weight += 0.1  # the student has moved on
    ids, inputs = [4, 8, 1], toy.images(3)
    loss = model(inputs, toy.samples(ids), mode='loss')['loss']
    loss.backward()

    reference = toy.clip()
    w = model.memory.weight.detach().clone().requires_grad_()
    scale, total = reference.logit_scale.exp().detach(), 0.0
    labels = []
    for i, x in zip(ids, inputs, strict=True):
        feature = torch.from_numpy(frozen.features[i]).double()
        y = int(torch.stack([feature @ row for row in teacher]).argmax())
        labels.append(y)
        f = unit(reference.encode_image(x[None])[0])
        log_p = torch.stack([scale * f @ row for row in w]).log_softmax(0)
        for c in range(5):
            target = 0.1 / 5 + (0.9 if c == y else 0.0)
            total = total - target * log_p[c] / 3
    total.backward()
    assert len(set(labels)) > 1
    torch.testing.assert_close(
        loss.detach(), total.detach(), rtol=0, atol=1e-8
    )
    torch.testing.assert_close(model.memory.weight.grad, w.grad)
    others = dict(reference.named_parameters())
    for name, parameter in model.clip.named_parameters():
        if parameter.requires_grad:
            torch.testing.assert_close(
                parameter.grad, others[name].grad, rtol=1e-5, atol=1e-8
            )
    assert torch.equal(model.teacher_weight, teacher)


def test_start_is_the_text_classifier(toy):
    model, again = make(toy), make(toy)
    assert torch.equal(model.memory.weight, model.teacher_weight)
    assert torch.equal(model.teacher_weight, again.teacher_weight)
    other = make(toy)
    with torch.no_grad():
        other.memory.weight += 1
        other.teacher_weight += 1
    other.load_state_dict(model.state_dict())
    images = toy.images(2)
    assert torch.equal(other.eval()(images), model.eval()(images))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_separable_texts_are_learned(seed):
    rng = np.random.default_rng(seed)
    centres = torch.from_numpy(np.linalg.qr(rng.normal(size=(8, 3)))[0].T)
    labels = torch.arange(3).repeat(4)
    texts = centres[labels] + 0.02 * torch.from_numpy(rng.normal(size=(12, 8)))
    fitted = fit_text_classifier(
        torch.nn.functional.normalize(texts, dim=1),
        labels,
        torch.zeros(3, 8).double(),
        torch.tensor(10.0).double(),
        epochs=60,
        noise=0.3,
        smoothing=0.1,
        lr=0.05,
        generator=torch.Generator().manual_seed(seed),
    )
    assert torch.equal((texts @ fitted.T).argmax(dim=1), labels)


def test_padding_samples_change_nothing(toy):
    results = []
    images = toy.images(3)
    for rows in ([0, 1, 2], [0, 1, 2, 0]):
        model = make(toy)
        model.set_frozen(toy.frozen([0] * 9))
        losses = model(images[rows], toy.samples(rows), mode='loss')
        results.append(losses['loss'])
    torch.testing.assert_close(*results)


def test_needs_descriptions(toy):
    with pytest.raises(ValueError, match='descriptions'):
        toy.model(LaFTerClassifier, tuning='NormTuning')
