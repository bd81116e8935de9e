"""Tunings on the towers of other CLIPs than OpenAI's transformers."""

import json

import open_clip
import pytest
import torch
from mmengine.logging import MMLogger
from safetensors.torch import save_file

from mmlatte.models.clip import OpenCLIP, untuned
from mmlatte.models.clip.image_tokens import (
    encode_tokens_and_image,
    project_tokens,
    token_width,
)

TEXTS = ['a photo of a river.', 'forest']
RESNET = dict(layers=[1, 1, 1, 1], width=8, image_size=32, patch_size=None)
VIT = dict(layers=1, width=32, head_width=16, patch_size=8, image_size=32)
TEXT = dict(width=16, heads=2, layers=2, context_length=16)
#: As SigLIP's: no mask, the last token, a projection with a bias.
SIGLIP_TEXT = dict(TEXT, no_causal_mask=True, pool_type='last', proj_bias=True)


@pytest.fixture
def make_clip(tmp_path):
    """``make_clip(vision, text, **options)``: a CLIP with random weights."""

    def make(vision: dict, text: dict, **options) -> OpenCLIP:
        config = dict(embed_dim=16, vision_cfg=vision, text_cfg=text)
        how = dict(mean=[0.5] * 3, std=[0.5] * 3)
        about = dict(model_cfg=config, preprocess_cfg=how)
        (tmp_path / 'open_clip_config.json').write_text(json.dumps(about))
        torch.manual_seed(0)
        state = open_clip.CustomTextCLIP(**config).state_dict()
        for name, value in state.items():
            if name.endswith('bn3.weight'):  # zero: no gradient before it
                value.fill_(0.5)
        save_file(
            {k: v.contiguous() for k, v in state.items()},
            tmp_path / 'open_clip_model.safetensors',
        )
        return OpenCLIP(f'local-dir:{tmp_path}', **options)

    return make


def step(clip) -> dict[str, bool]:
    """One step; whether each parameter that trains had a gradient."""
    images = torch.randn(4, 3, *clip.image_size)
    image, text = clip.encode_image(images), clip.encode_texts(TEXTS)
    (clip.scale * (image @ text.T).square().sum()).backward()
    moved = {}
    with torch.no_grad():
        for name, parameter in clip.named_parameters():
            if parameter.requires_grad:
                moved[name] = parameter.grad is not None
                parameter -= 0.1 * parameter.grad
                parameter.grad = None
    return moved


@pytest.mark.parametrize(
    ('vision', 'text'), [(RESNET, TEXT), (VIT, SIGLIP_TEXT)]
)
def test_every_lora_update_has_a_gradient_and_is_exported(
    make_clip, vision, text
):
    pytest.importorskip('peft')
    tuning = dict(type='mmlatte.LoRATuning', rank=2, tower='both')
    clip = make_clip(vision, text, tuning=tuning).eval()
    for _ in range(2):
        moved = step(clip)
    assert sum('lora_' in name for name in moved) > 8
    assert [name for name, had in moved.items() if not had] == []
    assert not [n for n in moved if 'attnpool' in n or 'text_projection' in n]
    ups = [p for n, p in clip.named_parameters() if 'lora_B' in n]
    assert all(up.any() for up in ups)
    plain = untuned(clip)
    images = torch.randn(2, 3, *clip.image_size)
    with torch.no_grad():
        for one, two in (
            (clip.encode_image(images), plain.encode_image(images)),
            (clip.encode_texts(TEXTS), plain.encode_texts(TEXTS)),
        ):
            torch.testing.assert_close(one, two, rtol=0, atol=1e-5)


@pytest.mark.parametrize('kind', ['AdapterTuning', 'BlockTuning'])
def test_towers_without_blocks_are_refused_by_name(make_clip, kind):
    words = f'{kind} finds no blocks in a ModifiedResNet.*mmlatte.NormTuning'
    with pytest.raises(ValueError, match=words):
        make_clip(RESNET, TEXT, tuning=dict(type=f'mmlatte.{kind}'))


TIMM = dict(timm_model_pretrained=False, timm_pool='avg', timm_proj=None)


def test_cells_of_a_mobile_clip_average_to_its_feature(make_clip):
    """Its pool is a mean and its projection is linear, inside the trunk."""
    vision = dict(TIMM, timm_model_name='fastvit_mci0', image_size=64)
    clip = make_clip(vision, TEXT).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        feature, cells = encode_tokens_and_image(clip.visual, images)
        assert cells.shape[-1] == token_width(clip.visual) != clip.embed_dim
        projected = project_tokens(clip.visual, cells)
        torch.testing.assert_close(feature, clip.visual(images))
    torch.testing.assert_close(
        projected.mean(dim=1), feature, rtol=0, atol=1e-5
    )
    assert projected.shape == (2, cells.shape[1], 16)


def test_a_trunk_with_a_norm_in_its_head(make_clip):
    vision = dict(
        TIMM,
        timm_model_name='convnext_atto',
        timm_pool='',
        timm_proj='linear',
        image_size=64,
    )
    clip = make_clip(vision, TEXT).eval()
    with torch.no_grad():
        images = torch.randn(2, 3, 64, 64)
        feature, cells = encode_tokens_and_image(clip.visual, images)
        mean = project_tokens(clip.visual, cells.mean(dim=1))
    torch.testing.assert_close(mean, feature, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ('vision', 'words'),
    [
        (RESNET, 'ModifiedResNet gives no tokens'),
        (
            dict(TIMM, timm_model_name='vit_tiny_patch16_224', timm_pool=''),
            r'TimmModel \(VisionTransformer\) gives no tokens',
        ),
    ],
)
def test_towers_without_parts_are_refused(make_clip, vision, words):
    visual = make_clip(vision, TEXT).visual
    with pytest.raises(TypeError, match=words):
        token_width(visual)


def test_looking_for_the_width_leaves_frozen_norms_frozen(make_clip):
    vision = dict(TIMM, timm_model_name='convnext_atto', image_size=64)
    clip = make_clip(vision, TEXT)
    before = [module.training for module in clip.modules()]
    token_width(clip.visual)
    assert [module.training for module in clip.modules()] == before


@pytest.mark.parametrize('name', ['fastvit_mci0', 'convnext_atto'])
def test_mobile_clip_keeps_the_default_layout(make_clip, monkeypatch, name):
    heard: list[str] = []
    logger = MMLogger.get_instance('layout')
    monkeypatch.setattr(logger, 'handle', lambda r: heard.append(r.msg))
    vision = dict(TIMM, timm_model_name=name, image_size=64)
    clip = make_clip(vision, TEXT, channels_last=True)
    last = [
        weight.is_contiguous(memory_format=torch.channels_last)
        for weight in clip.visual.parameters()
        if weight.ndim == 4 and min(weight.shape[1], weight.shape[-1]) > 1
    ]
    mobile = name == 'fastvit_mci0'
    assert clip.channels_last is not mobile
    assert set(last) == {not mobile}
    told = [line for line in heard if 'channels_last=True is not used' in line]
    assert len(told) == mobile
