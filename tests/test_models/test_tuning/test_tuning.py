"""What trains, what a step costs, and what a checkpoint holds."""

import sys

import pytest
import torch

from mmlatte.models.clip import OpenCLIP, untuned

TEXTS = ['a photo of a river.', 'forest']


def build(tiny_clip_dir, **kwargs) -> OpenCLIP:
    torch.manual_seed(0)
    return OpenCLIP(f'local-dir:{tiny_clip_dir}', **kwargs)


def trained(clip) -> set[str]:
    return {n for n, p in clip.named_parameters() if p.requires_grad}


def step(clip, lr=0.1) -> None:
    """One step of SGD on all parameters that train."""
    images = torch.randn(3, 3, 32, 32)
    features = clip.encode_image(images), clip.encode_texts(TEXTS)
    loss = clip.scale * (features[0] @ features[1].T).square().sum()
    loss.backward()
    with torch.no_grad():
        for parameter in clip.parameters():
            if parameter.grad is not None:
                parameter -= lr * parameter.grad
                parameter.grad = None


def features(clip) -> torch.Tensor:
    torch.manual_seed(1)
    with torch.no_grad():
        image = clip.encode_image(torch.randn(3, 3, 32, 32))
        return torch.cat([image, clip.encode_texts(TEXTS)])


def test_norm_tuning_trains_norms_of_the_image_tower(tiny_clip_dir):
    clip = build(tiny_clip_dir, tuning=dict(type='mmlatte.NormTuning'))
    expected = {'logit_scale'}
    for norm in ('ln_pre', 'ln_post', *LAYER_NORMS):
        expected |= {f'visual.{norm}.weight', f'visual.{norm}.bias'}
    assert trained(clip) == expected
    assert clip.text_is_frozen and not clip.train().text.training


LAYER_NORMS = [
    f'transformer.resblocks.{i}.ln_{k}' for i in (0, 1) for k in (1, 2)
]


def test_norm_tuning_of_both_towers_without_scale(tiny_clip_dir):
    tuning = dict(type='mmlatte.NormTuning', tower='both', logit_scale=False)
    clip = build(tiny_clip_dir, tuning=tuning)
    assert 'text.ln_final.weight' in trained(clip)
    assert len(trained(clip)) == 2 * (2 + 4) + 2 * (1 + 4)


@pytest.mark.parametrize('visual', [-1, 0, 1, 2])
@pytest.mark.parametrize('text', [-1, 0, 1])
def test_block_tuning_trains_the_last_blocks(tiny_clip_dir, visual, text):
    tuning = dict(type='mmlatte.BlockTuning', visual=visual, text=text)
    if visual == text == -1:
        with pytest.raises(ValueError, match='nothing to train'):
            build(tiny_clip_dir, tuning=tuning)
        return
    clip = build(tiny_clip_dir, tuning=tuning)
    names = trained(clip)
    for tower, count, ends in (
        ('visual', visual, {'visual.proj', 'visual.ln_post.weight'}),
        ('text', text, {'text.text_projection', 'text.ln_final.weight'}),
    ):
        for block in (0, 1):
            inside = f'{tower}.transformer.resblocks.{block}.ln_1.weight'
            assert (inside in names) == (block >= 2 - count)
        assert (ends <= names) == (count >= 0)
        assert f'{tower}.positional_embedding' not in names
    assert 'visual.conv1.weight' not in names


def test_block_tuning_of_too_many_blocks(tiny_clip_dir):
    tuning = dict(type='mmlatte.BlockTuning', visual=3)
    with pytest.raises(ValueError, match='has 2 blocks'):
        build(tiny_clip_dir, tuning=tuning)


@pytest.mark.parametrize(
    'tuning',
    [
        dict(type='mmlatte.NormTuning'),
        dict(type='mmlatte.BlockTuning'),
        dict(type='mmlatte.LoRATuning', rank=2),
        dict(type='mmlatte.LoRATuning', rank=2, tower='both'),
        dict(type='mmlatte.SingularValueTuning'),
        dict(type='mmlatte.SingularValueTuning', tower='visual'),
        dict(type='mmlatte.AdapterTuning', width=3),
        dict(type='mmlatte.AdapterTuning', width=3, tower='both'),
        dict(type='mmlatte.PromptTuning'),
        dict(type='mmlatte.PromptTuning', context='a photo'),
    ],
    ids=lambda t: '-'.join(map(str, t.values())),
)
def test_only_what_trains_changes_and_a_checkpoint_loads(
    tiny_clip_dir, tuning
):
    if 'LoRA' in tuning['type']:
        pytest.importorskip('peft')
    clip = build(tiny_clip_dir, tuning=tuning)
    plain = build(tiny_clip_dir)
    torch.testing.assert_close(features(clip), features(plain))
    assert clip.fingerprint() == plain.fingerprint()
    before = {k: v.clone() for k, v in clip.state_dict().items()}
    for _ in range(3):
        step(clip)
    names = trained(clip)
    for name, value in clip.state_dict().items():
        moved = not torch.equal(value, before[name])
        assert moved == (name in names), name
    assert clip.fingerprint() != plain.fingerprint()

    # The checkpoint alone gives the same features.
    other = build(tiny_clip_dir, tuning=tuning, load_weights=False)
    assert not torch.allclose(features(other), features(clip), atol=1e-3)
    other.load_state_dict(clip.state_dict())
    torch.testing.assert_close(features(other), features(clip))


def test_lora_equals_the_update_written_out(tiny_clip_dir):
    pytest.importorskip('peft')
    tuning = dict(type='mmlatte.LoRATuning', rank=2, alpha=3, tower='both')
    clip = build(tiny_clip_dir, tuning=tuning)
    with torch.no_grad():
        for name, parameter in clip.named_parameters():
            if '.lora_B.' in name:
                parameter.normal_(std=0.3)
    merged = clip.plain_state_dict()
    plain = build(tiny_clip_dir)
    before = {k: v.clone() for k, v in plain.state_dict().items()}
    plain.load_state_dict(merged)
    torch.testing.assert_close(
        features(clip), features(plain), atol=1e-5, rtol=0
    )
    changed = {k for k in merged if not torch.equal(merged[k], before[k])}
    assert changed == {
        f'{tower}.transformer.resblocks.{block}.{matrix}'
        for tower in ('visual', 'text')
        for block in (0, 1)
        for matrix in (
            'attn.in_proj_weight',
            'mlp.c_fc.weight',
            'mlp.c_proj.weight',
        )
    }


def test_untuned_copy_has_the_same_features(tiny_clip_dir):
    pytest.importorskip('peft')
    clip = build(tiny_clip_dir, tuning=dict(type='mmlatte.LoRATuning'))
    for _ in range(3):
        step(clip)
    plain = untuned(clip)
    assert plain is not clip and untuned(plain) is plain
    assert set(plain.state_dict()) == set(plain_of(tiny_clip_dir))
    torch.testing.assert_close(
        features(clip), features(plain), atol=1e-5, rtol=0
    )


def plain_of(tiny_clip_dir) -> dict:
    return build(tiny_clip_dir).state_dict()


def test_lora_with_gradient_checkpointing(tiny_clip_dir):
    pytest.importorskip('peft')
    gradients = []
    for checkpointing in (False, True):
        clip = build(
            tiny_clip_dir,
            tuning=dict(type='mmlatte.LoRATuning', tower='both'),
            grad_checkpointing=checkpointing,
        )
        image = clip.encode_image(torch.ones(1, 3, 32, 32))
        (image @ clip.encode_texts(TEXTS).T).sum().backward()
        gradients.append(
            [p.grad for n, p in clip.named_parameters() if '.lora_B.' in n]
        )
    assert len(gradients[0]) == 12
    for plain, checkpointed in zip(*gradients, strict=True):
        assert plain.any()
        torch.testing.assert_close(plain, checkpointed)


def test_lora_without_peft(tiny_clip_dir, monkeypatch):
    monkeypatch.setitem(sys.modules, 'peft', None)
    with pytest.raises(ImportError, match=r'mmlatte\[lora\]'):
        build(tiny_clip_dir, tuning=dict(type='mmlatte.LoRATuning'))


def test_lora_targets_that_do_not_exist(tiny_clip_dir):
    pytest.importorskip('peft')
    tuning = dict(type='mmlatte.LoRATuning', targets=['q_proj'])
    with pytest.raises(ValueError, match='q_proj'):
        build(tiny_clip_dir, tuning=tuning)


@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('NormTuning', dict(tower='image')),
        ('LoRATuning', dict(tower='image')),
        ('LoRATuning', dict(rank=0)),
        ('SingularValueTuning', dict(tower='image')),
        ('SingularValueTuning', dict(targets=['q_proj'])),
        ('AdapterTuning', dict(tower='image')),
        ('AdapterTuning', dict(width=0)),
        ('PromptTuning', dict(context=' ')),
        ('BlockTuning', dict(visual=-2)),
    ],
)
def test_bad_options(tiny_clip_dir, name, options):
    tuning = dict(type=f'mmlatte.{name}', **options)
    with pytest.raises(ValueError, match=name):
        build(tiny_clip_dir, tuning=tuning)


@pytest.mark.parametrize(
    'tuning',
    [
        dict(type='mmlatte.NormTuning', tower='both'),
        dict(type='mmlatte.BlockTuning', visual=2, text=1),
        dict(type='mmlatte.LoRATuning', tower='both'),
        dict(type='mmlatte.SingularValueTuning'),
        dict(type='mmlatte.AdapterTuning', width=4, tower='both'),
    ],
    ids=lambda t: t['type'],
)
def test_rsclip_can_be_tuned(assets, tuning):
    if 'LoRA' in tuning['type']:
        pytest.importorskip('peft')
    clip = OpenCLIP(f'local-dir:{assets}/models/rs-clip', tuning=tuning)
    names = trained(clip)
    assert any(n.startswith('visual.trunk.blocks.6') for n in names)
    assert not any(n.startswith('visual.trunk.conv_stem') for n in names)
    image = clip.encode_image(torch.randn(2, 3, 112, 112))
    (image @ clip.encode_texts(TEXTS).T).square().sum().backward()
    missing = [
        n
        for n, p in clip.named_parameters()
        if p.requires_grad and p.grad is None and n != 'logit_scale'
    ]
    assert not missing
