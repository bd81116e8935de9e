"""The loss against forgetting: by hand, in methods, and over ranks' rows."""

import math

import pytest
import torch

from mmlatte.models import (
    DPAClassifier,
    FLYPClassifier,
    LatteCLIPClassifier,
    ZeroShotCLIP,
)
from mmlatte.models.losses.vocabulary_replay import (
    random_words,
    replay_divergence,
)

IDS = [4, 2, 0]


def test_divergence_by_hand():
    """Two words at right angles, scale 2: logits are the coordinates."""
    texts = torch.eye(2)
    before, now = torch.tensor([[0.6, 0.8]]), torch.tensor([[1.0, 0.0]])
    p = 1 / (1 + math.exp(0.8 - 0.6))
    q = 1 / (1 + math.exp(-1.0))
    expected = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    found = replay_divergence(now, before, texts, 2.0)
    torch.testing.assert_close(found, torch.tensor([expected]))
    assert replay_divergence(now, now, texts, 2.0) == 0


def test_words_are_words_of_the_seed():
    words = random_words(200)
    assert len(set(words)) == 200 and words == random_words(200)
    assert random_words(200, seed=1) != words
    assert all(word.isalpha() and len(word) > 3 for word in words)
    with pytest.raises(ValueError, match='words=1000000: draw between 2 and'):
        random_words(1_000_000)


def test_words_of_a_file(toy, tmp_path):
    path = tmp_path / 'words.txt'
    path.write_text('boat\n\nhouse\n')
    model = toy.model(FLYPClassifier, replay=dict(words=str(path)))
    expected = model.clip.encode_texts(['boat', 'house'])
    torch.testing.assert_close(model.replay.texts, expected)
    path.write_text('boat\n')
    with pytest.raises(ValueError, match=r'words\.txt: two words or more'):
        toy.model(FLYPClassifier, replay=dict(words=str(path)))


def test_flyp_adds_it(toy):
    """By a loop over the samples; frozen features are those of the rows."""
    frozen = toy.frozen([0, 1, 0, 2, 1])
    inputs, losses = toy.images(len(IDS)), {}
    for replay in (None, dict(words=16, weight=3.0)):
        model = toy.model(FLYPClassifier, replay=replay)
        model.set_frozen(frozen)
        losses[bool(replay)] = model(inputs, toy.samples(IDS), mode='loss')
    torch.testing.assert_close(losses[True]['loss'], losses[False]['loss'])
    assert 'loss_replay' not in losses[False]
    total, scale = 0.0, model.clip.scale.detach()
    for image, row in zip(inputs, IDS, strict=True):
        now = model.extract_feat(image[None])
        before = torch.tensor(frozen.features[row])[None].to(now)
        p, q = (
            (scale / 2 * f @ model.replay.texts.T).softmax(dim=1)
            for f in (before, now)
        )
        total = total + (p * (p / q).log()).sum()
    torch.testing.assert_close(losses[True]['loss_replay'], 3.0 * total / 3)


def test_texts_outlive_training_and_checkpoints(toy):
    """Those of frozen CLIP, also after the text tower has moved."""
    model = toy.model(FLYPClassifier, replay=dict(words=8))
    kept = model.replay.texts.clone()
    with torch.no_grad():
        for parameter in model.clip.text.parameters():
            parameter.add_(0.1)
    again = toy.model(FLYPClassifier, replay=dict(words=8))
    again.replay.texts.zero_()
    again.load_state_dict(model.state_dict())
    torch.testing.assert_close(again.replay.texts, kept, rtol=0, atol=0)


def test_texts_of_other_words_are_refused(toy):
    state = toy.model(FLYPClassifier, replay=dict(words=8)).state_dict()
    other = toy.model(FLYPClassifier, replay=dict(words=8, seed=1))
    with pytest.raises(ValueError, match='holds the texts of other words'):
        other.load_state_dict(state)


def test_without_frozen_features_it_says_what_to_add(toy):
    model = toy.model(LatteCLIPClassifier, replay=dict(words=8))
    assert model.needs_frozen
    with pytest.raises(RuntimeError, match=r'add mmlatte\.FrozenFeaturesHook'):
        model.replay(torch.zeros(1, 4), None, [], None, None)


def test_methods_without_it_refuse_it(toy):
    assert DPAClassifier.replays
    with pytest.raises(ValueError, match=r'replay: ZeroShotCLIP has none'):
        toy.model(ZeroShotCLIP, replay=dict(words=8))
    with pytest.raises(ValueError, match=r'weight=0 must be positive'):
        toy.model(FLYPClassifier, replay=dict(weight=0))
