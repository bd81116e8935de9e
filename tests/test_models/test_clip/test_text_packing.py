"""Packed texts against open_clip's own padded encoding."""

from copy import deepcopy

import numpy as np
import open_clip
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlatte.models.clip import OpenCLIP
from mmlatte.models.clip.text_packing import pack_texts

LENGTHS = st.lists(st.integers(1, 77), min_size=1, max_size=60)


@given(lengths=LENGTHS)
@settings(max_examples=200, deadline=None)
def test_texts_lie_apart_and_whole(lengths):
    lengths = np.array(lengths)
    packing = pack_texts(lengths, model_width=512)
    tokens = np.arange(1, 1 + len(lengths) * 77).reshape(-1, 77)
    ids, positions, texts = packing.lay_out(tokens)
    assert ids.shape == (packing.num_rows, packing.width)
    assert (ids > 0).sum() == lengths.sum()  # nothing on top of another
    assert packing.one_text_per_row == (len(ids) == len(lengths))
    for text, length in enumerate(lengths):
        slots = packing.slots(np.zeros(len(lengths), int))[text]
        place = slice(slots, slots + length)
        assert slots // packing.width == (slots + length - 1) // packing.width
        assert (ids.reshape(-1)[place] == tokens[text, :length]).all()
        assert (positions.reshape(-1)[place] == np.arange(length)).all()
        assert (texts.reshape(-1)[place] == text).all()
    assert ((texts == -1) == (ids == 0)).all()


@given(lengths=LENGTHS)
@settings(max_examples=100, deadline=None)
def test_never_more_room_than_padding(lengths):
    lengths = np.array(lengths)
    packing = pack_texts(lengths, model_width=512)
    padded = lengths.max() * len(lengths)
    assert packing.num_rows * packing.width <= padded * 1.01 + lengths.max()


def test_room_is_used():
    lengths = np.random.default_rng(0).integers(8, 40, 200)
    packing = pack_texts(lengths, model_width=512)
    assert lengths.sum() / (packing.num_rows * packing.width) > 0.95
    equal = pack_texts(np.full(50, 20), model_width=512)
    assert (equal.num_rows, equal.width) == (50, 20)


def random_tokens(lengths, context=77) -> torch.Tensor:
    """(U, context) token ids padded with zeros, as open_clip's tokenizer."""
    torch.manual_seed(0)
    tokens = torch.zeros(len(lengths), context, dtype=torch.long)
    for row, length in zip(tokens, lengths, strict=True):
        row[: length - 1] = torch.randint(1, 49000, (length - 1,))
        row[0], row[length - 1] = 49406, 49407
    return tokens


def gradients(features, target, tower) -> list[torch.Tensor]:
    tower.zero_grad()
    (features * target).sum().backward()
    return [p.grad.clone() for p in tower.parameters()]


@pytest.mark.parametrize(
    'lengths',
    [[9, 30, 12, 9, 77, 22, 5, 3, 40], [20] * 6, [2], [77, 77]],
    ids=['mixed', 'equal', 'one', 'full'],
)
@pytest.mark.parametrize('checkpointing', [False, True])
def test_packed_equals_open_clip_padded(tiny_clip_dir, lengths, checkpointing):
    name = f'local-dir:{tiny_clip_dir}'
    ours = OpenCLIP(name, grad_checkpointing=checkpointing).double()
    reference = open_clip.create_model(name, force_custom_text=True).double()
    tokens = random_tokens(lengths)
    target = torch.randn(len(tokens), 16, dtype=torch.float64)

    packed = ours.encode_text(tokens[:, : max(lengths)])
    padded = reference.encode_text(tokens, normalize=True)

    torch.testing.assert_close(packed, padded, rtol=0, atol=1e-12)
    for a, b in zip(
        gradients(packed, target, ours.text),
        gradients(padded, target, reference.text),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_packed_equals_padded_on_a_trained_clip_in_float32(assets):
    clip = OpenCLIP(f'local-dir:{assets}/models/rs-clip')
    wide = deepcopy(clip)
    texts = [
        'a photo of a river.',
        'forest',
        'many buildings and some green trees are in a dense residential area',
        'a photo of a annual crop land.',
        'a large white storage tank stands near a road , ' * 5,
    ]
    tokens = open_clip.get_tokenizer(f'local-dir:{assets}/models/rs-clip')(
        texts
    )
    target = torch.randn(len(texts), clip.embed_dim)
    packed = clip.encode_texts(texts)
    padded = torch.nn.functional.normalize(wide.text(tokens), dim=1)
    torch.testing.assert_close(packed, padded, rtol=0, atol=1e-6)
    for a, b in zip(
        gradients(packed, target, clip.text),
        gradients(padded, target, wide.text),
        strict=True,
    ):
        error = (a - b).norm() / b.norm().clamp(min=1e-12)
        assert error < 1e-5


def test_end_token_inside_the_text_ends_it(tiny_clip_dir):
    """As in open_clip, whose towers pool at the first end token."""
    clip = OpenCLIP(f'local-dir:{tiny_clip_dir}')
    tokens = random_tokens([12, 8])
    tokens[0, 5] = 49407
    reference = torch.nn.functional.normalize(clip.text(tokens), dim=1)
    torch.testing.assert_close(clip.encode_text(tokens), reference)
    cut = tokens.clone()
    cut[0, 6:] = 0
    torch.testing.assert_close(clip.encode_text(cut), reference)
