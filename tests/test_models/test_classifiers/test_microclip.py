"""MicroCLIP against a loop over samples, tokens and crops; its invariants."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlatte.models import MicroCLIPClassifier
from mmlatte.models.clip.image_tokens import encode_tokens_and_image
from mmlatte.models.heads.saliency_pooling import (
    SaliencyPooling,
    salient_tokens,
)

DESCRIPTIONS = {
    'forest': ['many green trees', 'a dense wood'],
    'river': ['water that winds', 'a long blue line', 'wet land'],
    'highway or road': ['a grey line'],
    'sea or lake': ['blue water', 'a shore'],
    'pasture': ['short grass', 'cows on green land'],
}
CROPS = 2


def unit(x):
    return x / x.norm()


def naive_mask(tokens, threshold):
    """Normalised cut written out for one image; distinct eigenvalues."""
    n = len(tokens)
    a = torch.empty(n, n, dtype=torch.float64)
    for i in range(n):
        for j in range(n):
            cosine = unit(tokens[i]) @ unit(tokens[j])
            a[i, j] = 1.0 if cosine > threshold else 1e-6
    d = a.sum(dim=1)
    laplacian = torch.empty_like(a)
    for i in range(n):
        for j in range(n):
            value = (d[i] if i == j else 0.0) - a[i, j]
            laplacian[i, j] = value / math.sqrt(d[i] * d[j])
    _, vectors = torch.linalg.eigh(laplacian)
    e = vectors[:, 1]
    if e[e.abs().argmax()] < 0:
        e = -e
    return [bool(x > e.mean()) for x in e]


class NaiveMicroCLIP:
    def __init__(self, toy, threshold):
        self.clip, self.threshold = toy.clip(), threshold
        text = {}
        with torch.no_grad():
            for c in toy.classes:
                texts = [f'a photo of a {c}.', *DESCRIPTIONS[c]]
                tokens = toy.tokenizer(texts)
                text[c] = [unit(t) for t in self.clip.encode_text(tokens)]
        self.learned = torch.nn.Parameter(
            torch.stack([unit(sum(text[c][1:])) for c in toy.classes])
        )
        self.fixed = [
            unit(sum((d @ text[c][0]) * d for d in text[c][1:]))
            for c in toy.classes
        ]
        width = self.clip.visual.ln_post.weight.shape[0]
        self.q, self.k, self.v = (
            torch.nn.Parameter(torch.eye(width).double()) for _ in range(3)
        )

    def parts(self, image):
        """Whole image and foreground; the last block token by token."""
        visual = self.clip.visual
        whole = unit(visual(image[None])[0])
        x = visual._embeds(image[None])
        for block in visual.transformer.resblocks[:-1]:
            x = block(x)
        last, tokens = visual.transformer.resblocks[-1], []
        width = x.shape[-1]
        for t in x[0, 1:]:
            joint = (
                last.attn.in_proj_weight @ last.ln_1(t)
                + last.attn.in_proj_bias
            )
            t = t + last.attn.out_proj(joint[-width:])
            t = t + last.mlp(last.ln_2(t))
            tokens.append(visual.ln_post(t))
        mask = naive_mask([t.detach() for t in tokens], self.threshold)
        chosen = [t for t, m in zip(tokens, mask, strict=True) if m]
        assert 0 < len(chosen) < len(tokens)
        query = self.q @ (sum(chosen) / len(chosen))
        tokens = [*tokens, torch.zeros_like(query)]
        scores = torch.stack([query @ (self.k @ t) for t in tokens])
        shares = (scores / math.sqrt(width)).softmax(0)
        pooled = sum(
            s * (self.v @ t) for s, t in zip(shares, tokens, strict=True)
        )
        return whole, unit(pooled @ visual.proj)

    def step(self, weak, strong, crops, previous):
        scale = self.clip.logit_scale.exp().detach()
        outs, labels = [], []
        for i in range(len(weak)):
            with torch.no_grad():
                g, fg = self.parts(weak[i])
                seen = [
                    unit(self.clip.encode_image(crop[i][None])[0])
                    for crop in crops
                ]
                shares = torch.stack([c @ g for c in seen]).softmax(0)
                comp = unit(
                    sum(s * c for s, c in zip(shares, seen, strict=True))
                )
                fused = unit(0.5 * g + 0.5 * fg)
                scores = [
                    0.3 * comp @ f + 0.7 * fused @ unit(w)
                    for f, w in zip(self.fixed, self.learned, strict=True)
                ]
                labels.append(int(torch.stack(scores).argmax()))
            g, fg = self.parts(strong[i])
            outs.append(
                torch.stack(
                    [
                        scale * (0.5 * g @ unit(w) + 0.5 * fg @ unit(w))
                        for w in self.learned
                    ]
                )
            )
        mean = sum(o.softmax(0) for o in outs) / len(outs)
        if previous is not None:
            mean = 0.5 * (previous + mean)
        losses = [
            -o.log_softmax(0)[y] for o, y in zip(outs, labels, strict=True)
        ]
        loss = sum(losses) / len(losses)
        loss = loss - 0.6 * mean.log().mean() / 0.5
        return loss, mean.detach()


def make(toy, **kwargs):
    return toy.model(
        MicroCLIPClassifier,
        tuning='NormTuning',
        descriptions=DESCRIPTIONS,
        crops=CROPS,
        **kwargs,
    )


def middle_cosine(toy, model) -> float:
    """A threshold at which the tokens of the toy images fall apart."""
    with torch.no_grad():
        _, tokens = encode_tokens_and_image(model.clip.visual, toy.images(8))
    v = torch.nn.functional.normalize(tokens, dim=2)
    return float((v @ v.transpose(1, 2)).median())


def test_steps_equal_naive_loop(toy):
    """Two batches of an epoch: the second one remembers the first."""
    threshold = middle_cosine(toy, make(toy))
    model = make(
        toy,
        pooling=dict(threshold=threshold),
        fixed_share=0.3,
        fairness_weight=0.6,
    )
    naive = NaiveMicroCLIP(toy, threshold)
    torch.testing.assert_close(model.memory.weight, naive.learned)
    torch.testing.assert_close(model.fixed, torch.stack(naive.fixed))
    named = dict(model.clip.named_parameters())
    references = dict(naive.clip.named_parameters())
    pairs = [(p, references[n]) for n, p in named.items() if p.requires_grad]
    pairs += [
        (model.memory.weight, naive.learned),
        (model.pooling.query.weight, naive.q),
        (model.pooling.key.weight, naive.k),
        (model.pooling.value.weight, naive.v),
    ]
    previous = None
    model.start_epoch(0, 1)
    for step in range(2):
        views = [toy.images(3, seed=10 * step + v) for v in range(2 + CROPS)]
        losses = model(torch.cat(views), toy.samples(range(3)), mode='loss')
        total = sum(losses.values())
        weak, strong, *crops = views
        expected, previous = naive.step(weak, strong, crops, previous)
        torch.testing.assert_close(
            total.detach(), expected.detach(), rtol=0, atol=1e-7
        )
        total.backward()
        expected.backward()
        for ours, reference in pairs:
            torch.testing.assert_close(
                ours.grad, reference.grad, rtol=1e-4, atol=1e-7
            )
    assert all(ours.grad.any() for ours, _ in pairs[-4:])


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    count=st.integers(1, 9),
    threshold=st.floats(-1.5, 1.5),
    affinity=st.sampled_from(['cosine', 'dot']),
    split=st.sampled_from(['mean', 'std']),
    alike=st.booleans(),
)
def test_mask_is_never_empty(seed, count, threshold, affinity, split, alike):
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randn(2, count, 4, generator=generator)
    if alike:
        tokens[:] = tokens[:, :1]
    if count == 1 and split == 'std':
        return  # a standard deviation needs two
    mask = salient_tokens(tokens, threshold, affinity, split)
    assert mask.any(dim=1).all()
    if alike and affinity == 'cosine' and threshold < 0.99:
        assert mask.all()
    pooled = SaliencyPooling(4, threshold, affinity, split)(tokens)
    assert torch.isfinite(pooled).all()


def test_foreground_is_the_smaller_group():
    """Two tokens of one kind among seven of another."""
    tokens = torch.eye(2)[[0, 0, 1, 0, 0, 1, 0, 0, 0]]
    tokens = tokens + 0.01 * torch.rand(9, 2)
    mask = salient_tokens(tokens[None])[0]
    assert mask.tolist() == [i in (2, 5) for i in range(9)]


def test_order_of_tokens_does_not_matter(toy):
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(3, 9, 6, generator=generator)
    order = torch.randperm(9, generator=generator)
    mask = salient_tokens(tokens)
    assert torch.equal(salient_tokens(tokens[:, order]), mask[:, order])


def test_padding_samples_change_nothing(toy):
    ids, results = [0, 1, 2], []
    views = [toy.images(3, seed=v) for v in range(2 + CROPS)]
    for rows in (ids, [*ids, 0]):
        inputs = torch.cat([view[rows] for view in views])
        model = make(toy)
        results.append(model(inputs, toy.samples(rows), mode='loss'))
    for key, value in results[0].items():
        torch.testing.assert_close(value, results[1][key])


def test_checkpoint_predicts_without_the_sentences(toy):
    model, images = make(toy).eval(), toy.images(3)
    other = make(toy).eval()
    other.descriptions = 'nowhere.json'
    other.load_state_dict(model.state_dict())
    assert torch.equal(model(images), other(images))


def test_gradient_checkpointing_runs_blocks_again(toy):
    def gradients(checkpointing):
        model = make(toy)
        tower = model.clip.visual
        tower.transformer.grad_checkpointing = checkpointing
        calls = []
        tower.transformer.resblocks[0].register_forward_pre_hook(
            lambda *_: calls.append(1)
        )
        _, tokens = encode_tokens_and_image(tower, toy.images(2))
        tokens.square().sum().backward()
        return len(calls), tower.ln_post.weight.grad

    once, expected = gradients(False)
    twice, found = gradients(True)
    assert twice == 2 * once
    torch.testing.assert_close(found, expected)


def test_lora_around_the_attention_is_named(toy):
    clip = toy.clip()
    block = clip.visual.transformer.resblocks[-1]
    block.attn = torch.nn.Sequential(block.attn)
    with pytest.raises(TypeError, match='wrapped in Sequential'):
        encode_tokens_and_image(clip.visual, toy.images(1))


def test_needs_descriptions(toy):
    with pytest.raises(ValueError, match='descriptions'):
        toy.model(MicroCLIPClassifier, tuning='NormTuning')


def test_runs_on_a_convolutional_tower(assets):
    model = MicroCLIPClassifier(
        clip=dict(
            type='mmlatte.OpenCLIP',
            model_name=f'local-dir:{assets}/models/rs-clip',
            tuning=dict(type='mmlatte.NormTuning', logit_scale=False),
        ),
        class_names=list(DESCRIPTIONS),
        descriptions=DESCRIPTIONS,
    ).eval()
    model.init_weights()
    images = torch.rand(2, 3, 112, 112)
    with torch.no_grad():
        whole, foreground = model.encode_parts(images)
        torch.testing.assert_close(whole, model.clip.encode_image(images))
    assert whole.shape == foreground.shape == (2, 256)
    assert not torch.allclose(whole, foreground, atol=1e-2)
