"""DPA against a loop with an explicit bank; its invariants."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlatte.models import DPAClassifier
from mmlatte.models.classifiers.dpa import (
    align_distribution,
    class_means,
    ranking_weights,
)

LABELS = [0, 1, 0, 2, 1, 0, 0, 1]  # zero-shot; 3 and 4 never occur
OPTIONS = dict(
    image_share=0.3,
    fairness_weight=0.7,
    align_weight=0.4,
    align_scale=3.0,
    queue_size=2,
)
LEARNING_RATE = 0.5


def unit(x):
    return x / x.norm()


class NaiveDPA:
    """One sample, one class at a time; a bank of all features."""

    def __init__(self, toy, frozen, z):
        self.clip = toy.clip()
        self.z = torch.nn.Parameter(z.double())
        self.bank = dict(
            enumerate(
                zip(
                    torch.from_numpy(frozen.features).double(),
                    frozen.labels.tolist(),
                    strict=True,
                )
            )
        )
        self.queue = []
        self.update_image_prototypes()

    def update_image_prototypes(self):
        self.p = []
        for c in range(len(self.z)):
            members = [f for f, y in self.bank.values() if y == c]
            mean = unit(sum(members)) if members else unit(self.z[c])
            self.p.append(mean.detach())

    def predict(self, f, prototypes):
        scale = self.clip.logit_scale.exp().detach()
        return torch.stack([scale * f @ unit(m) for m in prototypes])

    def pseudo_labels(self, p_t, p_c):
        self.queue = [*self.queue, sum(p_t) / len(p_t)][-2:]
        mean = sum(self.queue) / len(self.queue)
        labels, weights = [], []
        for t, c in zip(p_t, p_c, strict=True):
            aligned = t / mean
            mixed = 0.3 * c + 0.7 * aligned / aligned.sum()
            y = int(mixed.argmax())
            labels.append(y)
            weights.append(t[y] / t.max() * c[y] / c.max())
        return labels, weights

    def step(self, ids, weak, strong):
        with torch.no_grad():
            f_w = [unit(self.clip.encode_image(x[None])[0]) for x in weak]
            p_t = [self.predict(f, self.z).softmax(0) for f in f_w]
            p_c = [self.predict(f, self.p).softmax(0) for f in f_w]
        labels, weights = self.pseudo_labels(p_t, p_c)
        f_s = [unit(self.clip.encode_image(x[None])[0]) for x in strong]
        loss, predictions = 0.0, []
        for f, y, w in zip(f_s, labels, weights, strict=True):
            p = self.predict(f, self.z).softmax(0)
            loss = loss - w * p[y].log() / len(f_s)
            predictions.append(p / len(f_s))
        loss = loss - 0.7 * sum(predictions).log().sum() / len(self.z)
        for c, p in enumerate(self.p):
            logits = torch.stack([3.0 * p @ unit(m) for m in self.z])
            loss = loss - 0.4 * logits.log_softmax(0)[c] / len(self.z)
        for i, f, y in zip(ids, f_w, labels, strict=True):
            self.bank[i] = (f, y)
        return loss


def test_epoch_equals_naive_loop(toy):
    """Two steps of SGD over all images, then the image prototypes."""
    frozen = toy.frozen(LABELS)
    model = toy.model(DPAClassifier, tuning='NormTuning', **OPTIONS)
    features = model.look(toy.images(len(LABELS), seed=20))
    frozen.features = features.float().numpy()
    z = torch.randn(5, 16, generator=torch.Generator().manual_seed(3))
    model.memory.reset(z)  # of no unit length
    model.set_frozen(frozen)
    naive = NaiveDPA(toy, frozen, z)
    torch.testing.assert_close(model.image_prototypes, torch.stack(naive.p))

    named = dict(model.clip.named_parameters())
    trained = [n for n, p in named.items() if p.requires_grad]
    assert trained and all('ln_' in n for n in trained)
    references = dict(naive.clip.named_parameters())
    pairs = [(named[n], references[n]) for n in trained]
    pairs.append((model.memory.weight, naive.z))
    for step, ids in enumerate(([3, 0, 6, 5], [1, 7, 2, 4])):
        weak, strong = toy.images(4, seed=step), toy.images(4, seed=9 + step)
        losses = model(
            torch.cat([weak, strong]), toy.samples(ids), mode='loss'
        )
        total = sum(v for k, v in losses.items() if k.startswith('loss'))
        expected = naive.step(ids, weak, strong)
        torch.testing.assert_close(
            total.detach(), expected.detach(), rtol=0, atol=1e-8
        )
        total.backward()
        expected.backward()
        for ours, reference in pairs:
            torch.testing.assert_close(
                ours.grad, reference.grad, rtol=1e-5, atol=1e-8
            )
            assert ours.grad.any()
            with torch.no_grad():
                for parameter in (ours, reference):
                    parameter -= LEARNING_RATE * parameter.grad
                    parameter.grad = None
    model.end_epoch()
    naive.update_image_prototypes()
    torch.testing.assert_close(
        model.image_prototypes, torch.stack(naive.p), rtol=0, atol=1e-8
    )


def test_pseudo_labels_equal_naive_loop(toy):
    """On features that differ more than those of a random tower."""
    frozen = toy.frozen(LABELS)
    model = toy.model(DPAClassifier, tuning='NormTuning', **OPTIONS)
    z = torch.randn(5, 16, generator=torch.Generator().manual_seed(3))
    model.memory.reset(z)
    model.set_frozen(frozen)
    naive = NaiveDPA(toy, frozen, z)
    generator = torch.Generator().manual_seed(4)
    found = []
    for _ in range(3):  # more batches than the queue holds
        f = torch.randn(40, 16, generator=generator).double()
        f = torch.nn.functional.normalize(f)
        y, omega = model._pseudo_labels(f, torch.ones(40, dtype=torch.bool))
        with torch.no_grad():
            p_t = [naive.predict(x, naive.z).softmax(0) for x in f]
            p_c = [naive.predict(x, naive.p).softmax(0) for x in f]
        labels, weights = naive.pseudo_labels(p_t, p_c)
        assert y.tolist() == labels
        torch.testing.assert_close(omega, torch.stack(weights))
        plain = torch.stack(p_t).argmax(dim=1)
        assert (y != plain).any()
        found += labels
    assert len(set(found)) == 5


def test_alignment_moves_textual_prototypes_only(toy):
    model = toy.model(DPAClassifier, tuning='NormTuning')
    model.set_frozen(toy.frozen(LABELS))
    before = model.image_prototypes.clone()
    losses = model(toy.images(8), toy.samples(range(4)), mode='loss')
    losses['loss_align'].backward()
    assert model.memory.weight.grad.any()
    assert all(p.grad is None for p in model.clip.parameters())
    assert torch.equal(model.image_prototypes, before)


def test_padding_samples_change_nothing(toy):
    results = []
    weak, strong = toy.images(4, seed=1), toy.images(4, seed=2)
    for ids in ([0, 1, 2, 3], [0, 1, 2, 3, 1]):
        model = toy.model(DPAClassifier, tuning='NormTuning')
        model.set_frozen(toy.frozen(LABELS))
        views = torch.cat([weak[ids], strong[ids]])
        losses = model(views, toy.samples(ids), mode='loss')
        model.end_epoch()
        results.append([*losses.values(), model.image_prototypes])
    for plain, padded in zip(*results, strict=True):
        torch.testing.assert_close(plain, padded)


def test_resumed_epoch_ends_alike(toy):
    """State in the middle of an epoch is in the state dict."""

    def step(model, seed):
        ids = [seed, seed + 1]
        return model(toy.images(4, seed), toy.samples(ids), mode='loss')

    frozen = toy.frozen(LABELS)
    model = toy.model(DPAClassifier, tuning='NormTuning')
    model.set_frozen(frozen)
    step(model, 0)
    other = toy.model(DPAClassifier, tuning='NormTuning')
    other.load_state_dict(model.state_dict())
    other.set_frozen(frozen)
    losses = [step(m, 2)['loss_self'] for m in (model, other)]
    assert torch.equal(*losses)
    for m in (model, other):
        m.end_epoch()
    assert torch.equal(model.image_prototypes, other.image_prototypes)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**31), classes=st.integers(2, 6))
def test_invariants(seed, classes):
    generator = torch.Generator().manual_seed(seed)

    def rand(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    counts = torch.randint(0, 3, (classes,), generator=generator)
    fallback = torch.nn.functional.normalize(rand(classes, 4))
    means = class_means(
        rand(classes, 4) * counts.unsqueeze(1), counts, fallback
    )
    torch.testing.assert_close(means.norm(dim=1), torch.ones(classes).double())
    assert torch.equal(means[counts == 0], fallback[counts == 0])

    p_t, p_c = ((5 * rand(7, classes)).softmax(1) for _ in range(2))
    y = torch.randint(0, classes, (7,), generator=generator)
    omega = ranking_weights(p_t, p_c, y)
    assert ((omega > 0) & (omega <= 1)).all()
    both = (p_t.argmax(1) == y) & (p_c.argmax(1) == y)
    assert torch.equal(omega == 1, both)

    aligned = align_distribution(p_t, p_t.mean(0))
    torch.testing.assert_close(aligned.sum(1), torch.ones(7).double())
    uniform = torch.full((classes,), 1 / classes).double()
    torch.testing.assert_close(align_distribution(p_t, uniform), p_t)


def test_wrong_number_of_views_names_the_fix(toy):
    model = toy.model(DPAClassifier, tuning='NormTuning')
    model.set_frozen(toy.frozen(LABELS))
    with pytest.raises(ValueError, match='MultiView'):
        model(toy.images(4), toy.samples(range(4)), mode='loss')


def test_training_text_tower_is_refused(toy):
    with pytest.raises(ValueError, match='freeze_text'):
        toy.model(DPAClassifier)
