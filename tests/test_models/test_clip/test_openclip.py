"""OpenCLIP against open_clip itself."""

import math
import pickle
from copy import deepcopy

import open_clip
import pytest
import torch
import torch.nn.functional as F

from mmlatte.models.clip import OpenCLIP
from mmlatte.registry import MODELS

TEXTS = [
    'a photo of a river.',
    'forest',
    'an aerial view of many dense residential buildings beside a road, '
    'with a few green trees and a big parking lot in the middle of them',
    '',
]


@pytest.fixture
def tiny(tiny_clip_dir) -> OpenCLIP:
    return MODELS.build(
        dict(type='mmlatte.OpenCLIP', model_name=f'local-dir:{tiny_clip_dir}')
    )


def test_towers_equal_open_clip(tiny, tiny_clip_dir):
    name = f'local-dir:{tiny_clip_dir}'
    reference = open_clip.create_model(name).eval()
    tokens = open_clip.get_tokenizer(name)(TEXTS)
    images = torch.randn(3, 3, 32, 32)
    tiny.eval()
    with torch.no_grad():
        torch.testing.assert_close(
            tiny.encode_image(images),
            reference.encode_image(images, normalize=True),
        )
        torch.testing.assert_close(
            tiny.encode_texts(TEXTS, batch_size=2),
            reference.encode_text(tokens, normalize=True),
        )
    assert (tiny.embed_dim, tiny.context_length) == (16, 77)
    assert tiny.image_size == (32, 32)
    assert tiny.preprocess['mean'] == pytest.approx(
        open_clip.OPENAI_DATASET_MEAN
    )


def test_narrow_text_equals_padded_with_gradients(tiny):
    wide = deepcopy(tiny).double()
    narrow = deepcopy(tiny).double()
    tokens = [tiny.tokenize(text) for text in TEXTS[:2]]
    assert tiny.pad(tokens).shape == (2, 8)
    target = torch.randn(2, 16, dtype=torch.float64)

    f_narrow = narrow.encode_text(tiny.pad(tokens))
    f_wide = wide.encode_text(tiny.tokenizer.pad(tokens, 77))
    torch.testing.assert_close(f_narrow, f_wide, rtol=0, atol=1e-12)

    (f_narrow * target).sum().backward()
    (f_wide * target).sum().backward()
    compared = 0
    for a, b in zip(
        narrow.text.parameters(), wide.text.parameters(), strict=True
    ):
        torch.testing.assert_close(a.grad, b.grad, rtol=0, atol=1e-12)
        compared += int(a.grad.abs().max() > 0)
    assert compared > 10


def test_tokenizer_survives_pickling(tiny):
    tokenizer = pickle.loads(pickle.dumps(tiny.tokenizer))
    for text in TEXTS:
        torch.testing.assert_close(tokenizer(text), tiny.tokenize(text))
    assert len(pickle.dumps(tiny.tokenizer)) < 2000
    long = tiny.tokenize('word ' * 200)
    assert len(long) == 77 and long[-1] == 49407


def test_scale_is_clamped_but_keeps_its_gradient(tiny):
    with torch.no_grad():
        tiny.logit_scale.fill_(math.log(100))
    tiny.scale.backward()
    assert tiny.scale.item() == pytest.approx(100, rel=1e-6)
    assert tiny.logit_scale.grad.item() == pytest.approx(100, rel=1e-5)
    with torch.no_grad():
        tiny.logit_scale.fill_(9.0)
    assert tiny.scale.item() == pytest.approx(100, rel=1e-6)
    tiny.clamp_logit_scale_()
    assert tiny.logit_scale.item() == pytest.approx(math.log(100))


def test_freezing(tiny_clip_dir):
    clip = OpenCLIP(
        f'local-dir:{tiny_clip_dir}', freeze_image=True, freeze_text=True
    )
    trained = [n for n, p in clip.named_parameters() if p.requires_grad]
    assert trained == ['logit_scale']
    clip.train()
    assert not clip.visual.training and not clip.text.training


def test_grad_checkpointing_changes_no_gradient(tiny_clip_dir, tiny):
    other = OpenCLIP(f'local-dir:{tiny_clip_dir}', grad_checkpointing=True)
    assert other.visual.transformer.grad_checkpointing
    assert other.text.transformer.grad_checkpointing
    images = torch.randn(2, 3, 32, 32)
    for clip in (tiny, other):
        image, text = clip.encode_image(images), clip.encode_texts(TEXTS[:2])
        (clip.scale * image @ text.T).sum().backward()
    for (name, a), b in zip(
        tiny.named_parameters(), other.parameters(), strict=True
    ):
        assert a.grad is not None, name
        torch.testing.assert_close(a.grad, b.grad, msg=name)


def test_fingerprint_follows_weights_not_folders(tiny, tiny_clip_dir):
    before = tiny.fingerprint()
    again = OpenCLIP(f'local-dir:{tiny_clip_dir}/.')
    assert again.fingerprint() == before
    with torch.no_grad():
        next(tiny.text.parameters())[0, 0] += 1e-3
    assert tiny.fingerprint() != before


def test_half_precision_features_are_normalised_in_float32(tiny):
    with torch.autocast('cpu', dtype=torch.bfloat16):
        features = tiny.encode_image(torch.randn(2, 3, 32, 32))
    assert features.dtype == torch.float32
    torch.testing.assert_close(features.norm(dim=-1), torch.ones(2))


def test_rsclip_trains_with_frozen_batch_statistics(assets):
    clip = OpenCLIP(f'local-dir:{assets}/models/rs-clip')
    buffers = {k: v.clone() for k, v in clip.named_buffers()}
    clip.train()
    images = torch.randn(4, 3, 112, 112)
    together = clip.encode_image(images)
    alone = torch.cat([clip.encode_image(image[None]) for image in images])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    for name, value in clip.named_buffers():
        torch.testing.assert_close(value, buffers[name], msg=name)
    together.sum().backward()
    assert clip.visual.trunk.bn1.weight.grad is not None

    moving = OpenCLIP(f'local-dir:{assets}/models/rs-clip', norm_eval=False)
    moving.train().encode_image(images)
    assert moving.visual.trunk.bn1.training


def test_rsclip_equals_open_clip(assets):
    name = f'local-dir:{assets}/models/rs-clip'
    clip = OpenCLIP(name).eval()
    reference = open_clip.create_model(name).eval()
    images = torch.randn(2, 3, 112, 112)
    with torch.no_grad():
        torch.testing.assert_close(
            clip.encode_image(images),
            F.normalize(reference.encode_image(images), dim=-1),
        )
        torch.testing.assert_close(
            clip.encode_texts(TEXTS),
            reference.encode_text(open_clip.get_tokenizer(name)(TEXTS), True),
            rtol=0,
            atol=1e-6,
        )
