import pickle
from copy import deepcopy

import pytest
import torch

from mmlatte.models.clip import OpenCLIP
from mmlatte.models.clip.text_feature_cache import TextFeatureCache

TEXTS = [f'a photo of {n} rivers' + ' and a lake' * n for n in range(12)]


@pytest.fixture
def frozen(tiny_clip_dir) -> OpenCLIP:
    return OpenCLIP(f'local-dir:{tiny_clip_dir}', freeze_text=True)


def tokens_of(clip, texts) -> torch.Tensor:
    return clip.pad([clip.tokenize(text) for text in texts])


def test_known_texts_do_not_reach_the_tower(frozen):
    calls = []
    frozen.text.transformer.register_forward_hook(
        lambda *args: calls.append(args)
    )
    first = frozen.encode_text(tokens_of(frozen, TEXTS[:6]))
    assert len(calls) == 6 and not first.requires_grad
    again = frozen.encode_text(tokens_of(frozen, TEXTS[3:6][::-1]))
    assert len(calls) == 6
    assert torch.equal(again, first[3:].flip(0))
    frozen.encode_text(tokens_of(frozen, TEXTS[5:8]))
    assert len(calls) == 8


def test_features_equal_the_uncached_ones(frozen, tiny_clip_dir):
    trained = OpenCLIP(f'local-dir:{tiny_clip_dir}')
    expected = trained.encode_texts(TEXTS).detach()
    with torch.autocast('cpu', torch.bfloat16):  # never half precision
        found = frozen.encode_text(tokens_of(frozen, TEXTS))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_bits_do_not_depend_on_neighbours(frozen):
    other = deepcopy(frozen)
    together = frozen.encode_text(tokens_of(frozen, TEXTS))
    for i in torch.randperm(len(TEXTS)).tolist():
        alone = other.encode_text(tokens_of(other, [TEXTS[i]]))
        assert torch.equal(alone[0], together[i])


def test_other_weights_mean_other_features(frozen):
    tokens = tokens_of(frozen, TEXTS[:3])
    before = frozen.encode_text(tokens).clone()
    state = {k: v.clone() for k, v in frozen.state_dict().items()}
    state['text.text_projection'] += 0.1 * torch.randn(16, 16)
    frozen.load_state_dict(state)
    after = frozen.encode_text(tokens)
    assert (after - before).abs().max() > 1e-3
    doubled = frozen.double().encode_text(tokens)
    assert doubled.dtype == torch.float64


def test_old_texts_make_room(tiny_clip_dir):
    clip = OpenCLIP(
        f'local-dir:{tiny_clip_dir}', freeze_text=True, text_cache_size=4
    )
    expected = OpenCLIP(f'local-dir:{tiny_clip_dir}').encode_texts(TEXTS)
    for numbers in ([0, 1, 2], [0, 3], [4, 0], [1, 2, 3, 4], list(range(12))):
        tokens = tokens_of(clip, [TEXTS[i] for i in numbers])
        torch.testing.assert_close(clip.encode_text(tokens), expected[numbers])
        assert len(clip._text_cache) <= 4


def test_least_recently_used_goes_first():
    cache = TextFeatureCache(2)
    made = []

    def encode(texts):
        made.extend(int(text) for text in texts)
        return torch.stack([text.float() for text in texts])

    def look(*numbers):
        texts = [torch.tensor([n]) for n in numbers]
        return cache.lookup(texts, encode).flatten().tolist()

    assert look(1, 2) == [1, 2]
    assert look(1, 1) == [1, 1]
    assert look(3) == [3]  # takes the place of 2
    assert look(1) == [1]
    assert made == [1, 2, 3]
    assert look(2, 3) == [2, 3]
    assert made == [1, 2, 3, 2]
    assert look(5, 6, 7) == [5, 6, 7]  # more than fit


def test_copies_start_empty(frozen):
    frozen.encode_texts(TEXTS)
    assert len(frozen._text_cache) == 12
    assert len(deepcopy(frozen)._text_cache) == 0
    assert len(pickle.loads(pickle.dumps(frozen._text_cache))) == 0


def test_trained_text_towers_cache_nothing(tiny_clip_dir):
    clip = OpenCLIP(f'local-dir:{tiny_clip_dir}')
    assert clip.encode_texts(TEXTS).requires_grad
    assert len(clip._text_cache) == 0
