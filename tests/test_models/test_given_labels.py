"""Answers about a few images in methods that train."""

import copy
import dataclasses

import numpy as np
import pytest
import torch

from mmlatte.fits.answers import NONE, SKIP, GivenAnswers, fit_answered
from mmlatte.models import (
    DPAClassifier,
    FLYPClassifier,
    LaFTerClassifier,
    LatteCLIPClassifier,
    LattePlusTunedClassifier,
    MUSTClassifier,
)
from mmlatte.models.given_labels import GivenLabels

SENTENCES = {
    name: [f'a {name} from above']
    for name in (
        *('forest', 'river', 'highway or road'),
        *('sea or lake', 'pasture'),
    )
}
VISUAL = dict(tuning='NormTuning')
#: Class -> (arguments, views of every image).
METHODS = {
    LatteCLIPClassifier: (dict(texts=['class']), 1),
    FLYPClassifier: ({}, 1),
    DPAClassifier: (VISUAL, 2),
    LattePlusTunedClassifier: ({**VISUAL, 'always_train': True}, 2),
    MUSTClassifier: ({**VISUAL, 'threshold': 0.0}, 2),
    LaFTerClassifier: (dict(**VISUAL, descriptions=SENTENCES), 1),
}
IMAGES = 40
#: Image 3 is of class 4, image 8 of none; nobody knows what 9 shows.
ANSWERS = GivenAnswers([3, 8, 9, 20], [4, NONE, SKIP, 1])
NO_ANSWERS = (
    None,
    GivenAnswers([], []),
    GivenAnswers([3], [SKIP]),
    GivenAnswers([3], [4], [0.0]),
)
every_method = pytest.mark.parametrize('kind', METHODS)


@pytest.fixture
def frozen(toy):
    labels = np.random.default_rng(0).integers(0, 5, IMAGES)
    return toy.frozen(labels)


@pytest.fixture
def batch(toy):
    """Return inputs and samples of some images."""

    def make(kind, ids, frozen):
        inputs = toy.images(IMAGES)[ids].repeat(METHODS[kind][1], 1, 1, 1)
        samples = toy.samples(ids)
        for sample, i in zip(samples, ids, strict=True):
            sample.zero_shot_label = int(frozen.labels[i])
        return inputs, samples

    return make


@pytest.fixture
def start(toy):
    """Return a method about to train, with the given answers."""

    def make(kind, frozen, answers):
        model = toy.model(kind, **METHODS[kind][0])
        model.set_frozen(dataclasses.replace(frozen, answers=answers))
        model.start_epoch(0, 2)
        return model

    return make


def train(model, batches):
    """Take a step for each batch, and end the epoch."""
    moved = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(moved, lr=1e-3)
    for inputs, samples in batches:
        optimizer.zero_grad()
        losses = model(inputs, samples, mode='loss')
        sum(v for k, v in losses.items() if 'loss' in k).backward()
        optimizer.step()
        model.end_step()
    model.end_epoch()
    return model.state_dict()


@every_method
def test_without_answers_every_bit_is_the_same(kind, start, frozen, batch):
    batches = [
        batch(kind, ids, frozen) for ids in ([3, 8, 9, 20], [0, 3, 5, 30])
    ]
    first, *others = [
        train(start(kind, frozen, answers), copy.deepcopy(batches))
        for answers in NO_ANSWERS
    ]
    for other in others:
        assert first.keys() == other.keys()
        for name, value in first.items():
            same = torch.equal(value.nan_to_num(9), other[name].nan_to_num(9))
            assert same, name
    answered = train(start(kind, frozen, ANSWERS), copy.deepcopy(batches))
    assert any(
        not torch.equal(value, answered[name]) for name, value in first.items()
    )


@every_method
def test_images_of_no_class_take_no_part(kind, start, frozen, batch):
    """A batch with one, and the batch without: the same step."""
    states = []
    for ids in ([3, 8, 20, 5], [3, 20, 5]):
        model = start(kind, frozen, ANSWERS)
        assert not set(torch.where(model.given._outside)[0].tolist()) & {
            *(3, 20, 5)
        }
        states.append(train(model, [batch(kind, ids, frozen)]))
    for name, value in states[0].items():
        torch.testing.assert_close(
            value, states[1][name], rtol=1e-6, atol=1e-8, equal_nan=True
        )


@every_method
def test_a_batch_of_no_class_moves_nothing(kind, start, frozen, batch):
    model = start(kind, frozen, ANSWERS)
    losses = model(*batch(kind, [8], frozen), mode='loss')
    # How the two prototypes of DPA match is no matter of images.
    total = sum(
        v for k, v in losses.items() if 'loss' in k and k != 'loss_align'
    )
    assert float(total) == 0
    total.backward()
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            assert not parameter.grad.any(), name


@pytest.mark.parametrize('answer', [0, 4])
def test_both_heads_of_latteclip_learn_the_answer(
    answer, start, frozen, batch, monkeypatch
):
    model = start(LatteCLIPClassifier, frozen, GivenAnswers([3], [answer]))
    seen = {}
    loss = model.head.loss
    monkeypatch.setattr(
        model.head,
        'loss',
        lambda z, v, y, *more: seen.update(y) or loss(z, v, y, *more),
    )
    model(*batch(LatteCLIPClassifier, [5, 3], frozen), mode='loss')
    assert [int(y[1]) for y in seen.values()] == [answer, answer]
    labels = model.given.frozen.labels
    assert int(seen['zero_shot'][0]) == labels[5]


def test_dpa_and_must_trust_an_answer(start, frozen, batch, monkeypatch):
    for kind, module in ((DPAClassifier, 'dpa'), (MUSTClassifier, 'must')):
        seen = []
        monkeypatch.setattr(
            f'mmlatte.models.classifiers.{module}.cross_entropy',
            lambda logits, y, valid, w, seen=seen: (
                seen.append((y, w)) or logits.sum()
            ),
        )
        model = start(kind, frozen, ANSWERS)
        model(*batch(kind, [3, 20, 5], frozen), mode='loss')
        y, weights = seen[0]
        assert y[:2].tolist() == [4, 1]
        assert weights[:2].tolist() == [1, 1]


def test_labels_of_all_images_equal_a_naive_loop(frozen):
    given = GivenLabels(dataclasses.replace(frozen, answers=ANSWERS))
    found = fit_answered(dataclasses.replace(frozen, answers=ANSWERS))
    ids = torch.arange(IMAGES)
    pseudo = torch.full((IMAGES,), 2)
    said = {3: 4, 20: 1}
    put, trained = given.put(pseudo, ids), given.trained(ids >= 0, ids)
    trust = given.trust(torch.full((IMAGES,), 0.5), ids)
    for i in range(IMAGES):
        assert put[i] == said.get(i, 2)
        assert trust[i] == (1 if i in said else 0.5)
        assert trained[i] == (found.labels[i] != NONE)
        if trained[i]:
            assert given.frozen.labels[i] == found.labels[i]
        assert 0 <= given.frozen.labels[i] < 5
    assert not trained[8] and trained[9] and frozen.labels[3] != 9


def test_the_first_prototypes_of_latteclip_are_those_of_the_fit(start, frozen):
    plain = start(LatteCLIPClassifier, frozen, None)
    model = start(LatteCLIPClassifier, frozen, ANSWERS)
    prototypes = model.memory.prototypes
    torch.testing.assert_close(
        prototypes, model.given.prototypes().to(prototypes)
    )
    assert not torch.equal(prototypes, plain.memory.prototypes)


def test_most_annotators_decide_whoever_came_last(frozen):
    frozen.answers = GivenAnswers(
        [3, 3, 3, 20, 20, 20], [4, 4, 1, 2, 2, NONE], None, [0, 1, 2] * 2
    )
    given = GivenLabels(frozen)
    ids = torch.tensor([3, 20])
    assert given.put(torch.tensor([0, 0]), ids).tolist() == [4, 2]
    assert given.fit.labels[ids].tolist() == [4, 2]
    assert given.trust(torch.zeros(2), ids).tolist() == [1, 1]
