"""Singular values, adapters, prompts: what each adds, written out."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmlatte.models import ZeroShotCLIP
from mmlatte.models.clip import OpenCLIP, untuned

TEXTS = [
    'a photo of a river.',
    'forest',
    'a photo',
    'a photo of a',
    'seen from above, a photo of a river',
    'A Photo of a dense forest, with a photo of a lake in it',
]


def build(tiny_clip_dir, tuning=None, **options) -> OpenCLIP:
    torch.manual_seed(0)
    if tuning:
        options['tuning'] = dict(type=f'mmlatte.{tuning}', **options)
        options = {'tuning': options['tuning']}
    return OpenCLIP(f'local-dir:{tiny_clip_dir}', **options).eval()


def disturb(clip: OpenCLIP) -> OpenCLIP:
    """Move what trains; the logit scale stays."""
    torch.manual_seed(2)
    with torch.no_grad():
        for name, parameter in clip.named_parameters():
            if parameter.requires_grad and name != 'logit_scale':
                parameter.add_(0.3 * torch.randn_like(parameter))
    return clip


def features(clip: OpenCLIP) -> torch.Tensor:
    torch.manual_seed(1)
    with torch.no_grad():
        image = clip.encode_image(torch.randn(3, 3, 32, 32))
        return torch.cat([image, clip.encode_texts(TEXTS)])


def test_singular_values_alone_change(tiny_clip_dir):
    clip = disturb(build(tiny_clip_dir, 'SingularValueTuning'))
    plain = build(tiny_clip_dir)
    before = {k: v.clone() for k, v in plain.state_dict().items()}
    restored = untuned(clip)
    after = restored.state_dict()
    assert after.keys() == before.keys()
    torch.testing.assert_close(
        features(clip), features(restored), atol=1e-5, rtol=0
    )
    changed = {k for k in after if not torch.equal(after[k], before[k])}
    assert changed == {
        f'{tower}.transformer.resblocks.{block}.{matrix}'
        for tower in ('visual', 'text')
        for block in (0, 1)
        for matrix in (
            'attn.in_proj_weight',
            'attn.out_proj.weight',
            'mlp.c_fc.weight',
            'mlp.c_proj.weight',
        )
    }
    for name in changed:
        parts = 3 if 'in_proj' in name else 1
        for old, new in zip(
            before[name].chunk(parts), after[name].chunk(parts), strict=True
        ):
            left, _, right = torch.linalg.svd(old, full_matrices=False)
            core = left.T @ new @ right.T
            rest = core - torch.diag(core.diagonal())
            assert rest.abs().max() < 1e-5  # the vectors are the same
            assert not torch.allclose(new, old, atol=1e-2)
            torch.testing.assert_close(
                left @ core @ right, new, atol=1e-5, rtol=0
            )


def test_number_of_singular_values(tiny_clip_dir):
    clip = build(tiny_clip_dir, 'SingularValueTuning', tower='text')
    trained = {n: p for n, p in clip.named_parameters() if p.requires_grad}
    del trained['logit_scale']
    width = clip.text.width
    # Query, key, value, output and both matrices of the MLP, in two layers.
    assert sum(p.numel() for p in trained.values()) == 2 * 6 * width
    assert all(p.ndim == 1 for p in trained.values())


def test_adapters_written_out(tiny_clip_dir):
    clip = disturb(build(tiny_clip_dir, 'AdapterTuning', width=3))
    plain = build(tiny_clip_dir)
    adapters = [b.adapter for b in clip.visual.transformer.resblocks]

    def adapt(block, inputs, x):
        a = adapters[[*plain.visual.transformer.resblocks].index(block)]
        hidden = F.gelu(x @ a.down.weight.T + a.down.bias)
        return x + hidden @ a.up.weight.T

    for block in plain.visual.transformer.resblocks:
        block.register_forward_hook(adapt)
    torch.testing.assert_close(
        features(clip), features(plain), atol=1e-5, rtol=0
    )
    assert not torch.allclose(
        features(clip)[:3], features(build(tiny_clip_dir))[:3], atol=1e-2
    )


def test_adapters_of_a_cnn_are_used_once(assets):
    torch.manual_seed(0)
    clip = OpenCLIP(
        f'local-dir:{assets}/models/rs-clip',
        tuning=dict(type='mmlatte.AdapterTuning', width=4),
    ).eval()
    images = torch.randn(1, 3, 112, 112)
    with torch.no_grad():
        before = clip.encode_image(images)
        last = clip.visual.trunk.blocks[-1].adapter
        calls = []
        last.register_forward_hook(lambda *_: calls.append(1))
        last.up.weight.normal_()
        after = clip.encode_image(images)
    assert len(calls) == 1
    assert not torch.allclose(before, after, atol=1e-2)


def test_prompts_written_out(tiny_clip_dir):
    clip = disturb(build(tiny_clip_dir, 'PromptTuning'))
    plain = build(tiny_clip_dir)
    context = clip.text.token_embedding.context.detach()
    begin = clip.tokenize('a photo of a')[:-1]
    assert context.shape == (4, clip.text.width) and len(begin) == 5
    words = plain.text.token_embedding

    class Replaced(nn.Module):
        def forward(self, ids):
            x = words(ids).clone()
            for row, own in zip(ids, x, strict=True):
                if torch.equal(row[:5], begin):
                    own[1:5] = context
            return x

    plain.text.token_embedding = Replaced()
    tokens = torch.zeros(len(TEXTS), 77, dtype=torch.long)
    for row, text in zip(tokens, TEXTS, strict=True):
        ids = clip.tokenize(text)
        row[: len(ids)] = ids
    with torch.no_grad():
        expected = F.normalize(plain.text(tokens), dim=-1)
    found = features(clip)[3:]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    untouched = features(build(tiny_clip_dir))[3:]
    same = [torch.allclose(*p, atol=1e-5) for p in zip(found, untouched)]  # noqa: B905
    assert same == [False, True, True, False, True, False]
    # On a device already, one text a row.
    with torch.no_grad():
        direct = torch.stack(
            [clip._encode_text(clip.pad([clip.tokenize(t)]))[0] for t in TEXTS]
        )
    torch.testing.assert_close(direct, expected, atol=1e-5, rtol=0)


def test_prompts_have_a_gradient_without_a_text_of_theirs(tiny_clip_dir):
    clip = build(tiny_clip_dir, 'PromptTuning')
    clip.encode_texts(['forest']).sum().backward()
    gradient = clip.text.token_embedding.context.grad
    assert gradient is not None and not gradient.any()


def test_prompts_need_a_native_text_tower(tiny_clip_dir, monkeypatch):
    from mmlatte.models.tuning import prompt_tuning

    monkeypatch.setattr(prompt_tuning, 'TextTransformer', nn.Linear)
    with pytest.raises(ValueError, match='PromptTuning needs a text tower'):
        build(tiny_clip_dir, 'PromptTuning')


@pytest.mark.parametrize('tuning', ['AdapterTuning', 'PromptTuning'])
def test_what_cannot_be_folded_is_refused(tiny_clip_dir, tuning):
    clip = build(tiny_clip_dir, tuning)
    plain = untuned(clip)  # nothing has moved yet
    torch.testing.assert_close(features(clip), features(plain))
    disturb(clip)
    with pytest.raises(ValueError, match=f'{tuning} trains what a plain'):
        untuned(clip)


def test_prompts_need_a_template_that_begins_with_them(tiny_clip_dir):
    def classifier(template):
        clip = dict(
            type='mmlatte.OpenCLIP',
            model_name=f'local-dir:{tiny_clip_dir}',
            tuning=dict(type='mmlatte.PromptTuning'),
        )
        return ZeroShotCLIP(clip, ['sea', 'land'], template)

    classifier('A photo of a {}, a type of land use.')
    with pytest.raises(ValueError, match='nothing would train'):
        classifier('a centered satellite photo of {}.')
