"""The part of a tower that a tuning leaves as it is."""

import open_clip
import pytest
import torch

from mmlatte.models import OpenCLIP
from mmlatte.models.tuning import FrozenPrefix


@pytest.fixture(scope='module')
def cnn_dir(tmp_path_factory):
    """A CLIP with an EfficientNet of timm, random weights."""
    import json

    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp('cnn')
    config = dict(
        model_cfg=dict(
            embed_dim=16,
            vision_cfg=dict(
                timm_model_name='tf_efficientnet_lite0',
                timm_model_pretrained=False,
                timm_pool='',
                timm_proj='linear',
                image_size=32,
            ),
            text_cfg=dict(
                context_length=77,
                vocab_size=49408,
                width=16,
                heads=2,
                layers=1,
            ),
        ),
        preprocess_cfg=dict(mean=[0.5] * 3, std=[0.5] * 3),
    )
    (folder / 'open_clip_config.json').write_text(json.dumps(config))
    torch.manual_seed(0)
    model = open_clip.CustomTextCLIP(**config['model_cfg'])
    save_file(model.state_dict(), folder / 'open_clip_model.safetensors')
    return folder


def build(folder, tuning, **settings):
    return OpenCLIP(f'local-dir:{folder}', tuning=tuning, **settings)


BLOCK = dict(type='mmlatte.BlockTuning')


@pytest.mark.parametrize(
    'tuning, depth',
    [
        (BLOCK, -1),
        (dict(BLOCK, visual=0), 0),
        (dict(type='mmlatte.NormTuning', blocks=1), -1),
    ],
)
@pytest.mark.parametrize('kind', ['tiny_clip_dir', 'cnn_dir'])
def test_both_parts_are_the_tower(kind, tuning, depth, request):
    clip = build(request.getfixturevalue(kind), tuning).train()
    prefix = FrozenPrefix(clip)
    assert clip.training
    blocks = len(prefix.blocks)
    assert prefix.depth == blocks + depth
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        activations = prefix(images)
    assert prefix.made(activations) and not prefix.made(images)
    expected = clip.encode_image(images)
    clip.prefix = prefix
    found = clip.encode_image(activations)
    assert torch.equal(clip.encode_image(images), expected)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    # And so are the gradients of what trains, all of it behind the cut.
    trained = [p for p in clip.visual.parameters() if p.requires_grad]
    weights = torch.randn_like(found)
    for one, two in zip(
        torch.autograd.grad((expected * weights).sum(), trained),
        torch.autograd.grad((found * weights).sum(), trained),
        strict=True,
    ):
        torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-6)


def test_the_fingerprint_is_that_of_what_stays(tiny_clip_dir):
    clip = build(tiny_clip_dir, BLOCK)
    prefix = FrozenPrefix(clip)
    before = prefix.fingerprint()
    with torch.no_grad():
        clip.visual.proj.add_(1)  # trains
    assert prefix.fingerprint() == before
    with torch.no_grad():
        clip.visual.conv1.weight.add_(1)
    assert prefix.fingerprint() != before


def test_what_cannot_be_cached_is_refused(tiny_clip_dir, cnn_dir):
    for tuning in (None, dict(type='mmlatte.NormTuning')):
        with pytest.raises(ValueError, match='nothing of its image tower'):
            FrozenPrefix(build(tiny_clip_dir, tuning))
    with pytest.raises(ValueError, match='norm_eval=True'):
        FrozenPrefix(build(cnn_dir, BLOCK, norm_eval=False))
    with pytest.raises(ValueError, match='blocks=9, but the visual tower'):
        build(tiny_clip_dir, dict(type='mmlatte.NormTuning', blocks=9))
    with pytest.raises(ValueError, match='blocks=-1: 0 or more'):
        build(tiny_clip_dir, dict(type='mmlatte.NormTuning', blocks=-1))
