"""MUST against a loop with a teacher of its own; its invariants."""

import copy

import pytest
import torch

from mmlatte.models import MUSTClassifier

OPTIONS = dict(
    threshold=0.21, fairness_weight=0.6, decay=(0.5, 0.9), decay_steps=2
)


def make(toy, **kwargs):
    return toy.model(MUSTClassifier, tuning='NormTuning', **kwargs)


def unit(x):
    return x / x.norm()


def test_steps_equal_naive_loop(toy):
    """Four steps of SGD: the decay rises and stays."""
    model = make(toy, **OPTIONS)
    z = torch.randn(5, 16, generator=torch.Generator().manual_seed(3)).double()
    model.memory.weight.data.copy_(z)
    model.ema['memory'].reset(z)
    clip = toy.clip()
    own = [*clip.visual.parameters(), torch.nn.Parameter(z.clone())]
    teacher, w = copy.deepcopy(clip.visual), z.clone()
    scale = clip.logit_scale.exp().detach()

    def predict(tower, prototypes, x):
        f = unit(tower(x[None])[0])
        return torch.stack([scale * f @ unit(m) for m in prototypes])

    ours = [*model.clip.visual.parameters(), model.memory.weight]
    kept = []
    for step, decay in enumerate([None, 0.5, 0.7, 0.9]):
        weak, strong = toy.images(4, seed=step), toy.images(4, seed=9 + step)
        losses = model(
            torch.cat([weak, strong]), toy.samples(range(4)), mode='loss'
        )
        total = losses['loss_self'] + losses['loss_fairness']
        if decay is not None:
            with torch.no_grad():
                for t, s in zip([*teacher.parameters(), w], own, strict=True):
                    t.copy_(decay * t + (1 - decay) * s)
        expected, predictions = 0.0, []
        for x, y in zip(weak, strong, strict=True):
            with torch.no_grad():
                taught = predict(teacher, w, x).softmax(0)
            seen = predict(clip.visual, own[-1], y).softmax(0)
            kept.append(bool(taught.max() > 0.21))
            if kept[-1]:
                expected = expected - seen[taught.argmax()].log() / 4
            predictions.append(seen / 4)
        expected = expected - 0.6 * sum(predictions).log().mean()
        torch.testing.assert_close(
            total.detach(), expected.detach(), rtol=0, atol=1e-8
        )
        total.backward()
        expected.backward()
        for a, b in zip(ours, own, strict=True):
            if a.grad is None:
                continue
            torch.testing.assert_close(a.grad, b.grad, rtol=1e-5, atol=1e-8)
            with torch.no_grad():
                for parameter in (a, b):
                    parameter -= 0.1 * parameter.grad
        for b in own:  # frozen ones too
            b.grad = None
        for a in ours:
            a.grad = None
    assert any(kept)
    torch.testing.assert_close(model.ema['memory'].weight, w)


def test_teacher_gets_no_gradient_and_no_batch_statistics(toy):
    model = make(toy).train()
    assert not any(p.requires_grad for p in model.ema.parameters())
    assert not any(module.training for module in model.ema.modules())
    losses = model(toy.images(4), toy.samples([0, 1]), mode='loss')
    (losses['loss_self'] + losses['loss_fairness']).backward()
    assert all(p.grad is None for p in model.ema.parameters())


def test_nothing_is_learned_below_the_threshold(toy):
    model = make(toy, threshold=1.0)
    losses = model(toy.images(4), toy.samples([0, 1]), mode='loss')
    assert losses['loss_self'] == 0 and losses['sure'] == 0
    assert losses['loss_fairness'] > 0


def test_checkpoint_holds_the_teacher(toy):
    model, other = make(toy), make(toy)
    with torch.no_grad():
        for parameter in model.ema.parameters():
            parameter += 0.05
    model(toy.images(4), toy.samples([0, 1]), mode='loss')
    other.load_state_dict(model.state_dict())
    views = toy.images(4, seed=5)
    losses = [
        m(views, toy.samples([2, 3]), mode='loss') for m in (model, other)
    ]
    for key in losses[0]:
        assert torch.equal(losses[0][key], losses[1][key])


def test_padding_samples_change_nothing(toy):
    results = []
    weak, strong = toy.images(3, seed=1), toy.images(3, seed=2)
    for rows in ([0, 1, 2], [0, 1, 2, 0]):
        model = make(toy, threshold=0.2)
        views = torch.cat([weak[rows], strong[rows]])
        results.append(model(views, toy.samples(rows), mode='loss'))
    for key in results[0]:
        torch.testing.assert_close(results[0][key], results[1][key])


def test_falling_decay_is_refused(toy):
    with pytest.raises(ValueError, match='decay'):
        make(toy, decay=(0.9, 0.5))
