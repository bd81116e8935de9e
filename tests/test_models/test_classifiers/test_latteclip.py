"""One step of LatteCLIP against a loop written from the paper's formulas.

The loop uses open_clip's own model, encodes every text of every sample by
itself at the full 77 tokens, and knows nothing of mmlatte.
"""

import math

import open_clip
import pytest
import torch
from mmpretrain.structures import DataSample

from mmlatte.models import LatteCLIPClassifier

CLASSES = ['forest', 'river', 'highway or road', 'sea or lake', 'pasture']
TEMPLATE = 'a photo of a {}.'
BATCH = 6  # != D = 16

IMAGE_TEXTS = [
    'many green trees in a forest',
    'a winding river between fields',
    'many green trees in a forest',  # twice in the batch
    'a road',
    'blue water, and nothing else but blue water, as far as one can see',
    'green land',
]
GROUP_TEXTS = [
    'woods',
    'water and its banks',
    'woods',
    'grey lines across the land',
    'water and its banks',
    'a road',  # also an image text
]
ZERO_SHOT = [0, 1, 0, 2, 1, 0]  # 'sea or lake' and 'pasture' never occur


def make_model(tiny_clip_dir, **kwargs) -> LatteCLIPClassifier:
    torch.manual_seed(1)
    model = LatteCLIPClassifier(
        clip=dict(
            type='mmlatte.OpenCLIP', model_name=f'local-dir:{tiny_clip_dir}'
        ),
        class_names=CLASSES,
        templates=TEMPLATE,
        **kwargs,
    )
    model.init_weights()
    # Prototypes that are not the class texts, as after some steps.
    noise = 0.3 * torch.randn(model.memory.prototypes.shape)
    moved = torch.nn.functional.normalize(
        model.memory.prototypes + noise, dim=1
    )
    model.memory.reset(moved)
    return model.train()


def make_batch(model) -> tuple[torch.Tensor, list[DataSample]]:
    torch.manual_seed(2)
    inputs = torch.randn(BATCH, 3, 32, 32)
    samples = []
    for i in range(BATCH):
        sample = DataSample()
        sample.set_field(i, 'sample_idx', field_type='metainfo')
        sample.set_field(ZERO_SHOT[i], 'zero_shot_label')
        for kind, texts in (('image', IMAGE_TEXTS), ('group', GROUP_TEXTS)):
            sample.set_field(texts[i], f'{kind}_text')
            tokens = model.clip.tokenize(texts[i])
            sample.set_field(tokens, f'{kind}_tokens')
        samples.append(sample)
    return inputs, samples


def naive_step(tiny_clip_dir, prototypes, inputs, **options):
    """Per-sample loop: total loss, gradients by name, new prototypes."""
    model = open_clip.create_model(
        f'local-dir:{tiny_clip_dir}', force_custom_text=True
    ).train()
    tokenizer = open_clip.get_tokenizer(f'local-dir:{tiny_clip_dir}')
    alpha = options.get('alpha', 0.01)
    kinds = options.get('kinds', ('class', 'image', 'group'))
    weights = {'Z': 1.0, 'F': 1.0, **options.get('weights', {})}
    mixing = options.get('mixing_prototypes', prototypes)

    def unit(x):
        return x / x.norm()

    def encode(text):
        return unit(model.encode_text(tokenizer([text]))[0])

    z = [unit(model.encode_image(x.unsqueeze(0))[0]) for x in inputs]
    y_f = [
        max(range(len(prototypes)), key=lambda c, zi=zi: zi @ prototypes[c])
        for zi in z
    ]
    scale = model.logit_scale.exp()
    total, pairs = 0.0, []
    for source, y in (('Z', ZERO_SHOT), ('F', y_f)):
        if weights[source] == 0:
            continue
        v = []
        for i in range(BATCH):
            texts = {
                'class': TEMPLATE.format(CLASSES[y[i]]),
                'image': IMAGE_TEXTS[i],
                'group': GROUP_TEXTS[i],
            }
            numerator, denominator = 0.0, 0.0
            for kind in kinds:
                t = encode(texts[kind])
                if options.get('uniform'):
                    w = 1.0
                else:
                    best, second = sorted(
                        (float(t.detach() @ m) for m in mixing), reverse=True
                    )[:2]
                    w = best - second + 1e-6
                numerator = numerator + w * t
                denominator += w
            t = numerator / denominator
            m = prototypes[y[i]]
            v.append(m + alpha * (t - m))
            pairs.append((y[i], v[-1].detach()))
        if options.get('normalize'):
            v = [unit(vi) for vi in v]
        loss = 0.0
        for rows, columns in ((z, v), (v, z)):
            for i in range(BATCH):
                logits = [scale * rows[i] @ columns[j] for j in range(BATCH)]
                log_sum = torch.logsumexp(torch.stack(logits), dim=0)
                positive = (
                    [j for j in range(BATCH) if y[j] == y[i]]
                    if options.get('class_aware')
                    else [i]
                )
                terms = [log_sum - logits[j] for j in positive]
                loss = loss + sum(terms) / len(terms) / BATCH / 2
        total = total + weights[source] * loss
    total.backward()
    new = prototypes.clone()
    for c in range(len(prototypes)):
        members = [v for y, v in pairs if y == c]
        if members:
            new[c] = unit(torch.stack(members).mean(dim=0))
    return total.detach(), dict(model.named_parameters()), new


MIXER = 'mmlatte.DynamicFeatureMixer'
HEAD = 'mmlatte.DualPseudoLabelHead'
LOSS = 'mmlatte.ContrastiveLoss'
OPTIONS = {
    'published': ({}, {}),
    'class_aware': (
        dict(head=dict(type=HEAD, loss=dict(type=LOSS, positives='class'))),
        dict(class_aware=True),
    ),
    'normalized_targets': (
        dict(
            head=dict(type=HEAD, loss=dict(type=LOSS, normalize_targets=True))
        ),
        dict(normalize=True),
    ),
    'weights': (
        dict(head=dict(type=HEAD, zero_shot_weight=0.3, finetuned_weight=2)),
        dict(weights={'Z': 0.3, 'F': 2.0}),
    ),
    'zero_shot_only': (
        dict(head=dict(type=HEAD, finetuned_weight=0)),
        dict(weights={'F': 0}),
    ),
    'finetuned_only': (
        dict(head=dict(type=HEAD, zero_shot_weight=0)),
        dict(weights={'Z': 0}),
    ),
    'uniform': (
        dict(neck=dict(type=MIXER, weighting='uniform')),
        dict(uniform=True),
    ),
    'no_class_text': (
        dict(texts=('image', 'group')),
        dict(kinds=('image', 'group')),
    ),
    'no_image_text': (
        dict(texts=('class', 'group')),
        dict(kinds=('class', 'group')),
    ),
    'no_group_text': (
        dict(texts=('class', 'image')),
        dict(kinds=('class', 'image')),
    ),
    'momentum': (dict(memory=dict(momentum=0.5)), dict(alpha=0.5)),
}


@pytest.mark.parametrize('name', OPTIONS)
def test_step_equals_naive_loop(tiny_clip_dir, name):
    kwargs, options = OPTIONS[name]
    model = make_model(tiny_clip_dir, **kwargs)
    before = model.memory.prototypes.clone()
    inputs, samples = make_batch(model)

    losses = model(inputs, samples, mode='loss')
    total = sum(v for k, v in losses.items() if 'loss' in k)
    total.backward()
    model.memory.step()

    expected, parameters, prototypes = naive_step(
        tiny_clip_dir, before, inputs, **options
    )
    torch.testing.assert_close(total.detach(), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(
        model.memory.prototypes, prototypes, rtol=0, atol=1e-5
    )
    assert torch.equal(model.memory.prototypes[4], before[4])  # never occurs
    trained = 0
    for key, parameter in model.clip.named_parameters():
        reference = parameters[key].grad
        if parameter.grad is None:
            assert reference is None or not reference.any(), key
            continue
        torch.testing.assert_close(
            parameter.grad, reference, rtol=1e-4, atol=1e-5, msg=key
        )
        trained += bool(parameter.grad.any())
    assert trained > 30  # both towers learn


def test_stale_mixer_uses_prototypes_of_the_epoch_start(tiny_clip_dir):
    neck = dict(type=MIXER, stale=True)
    model = make_model(tiny_clip_dir, neck=neck)
    start = model.memory.epoch_start.clone()
    moved = torch.nn.functional.normalize(torch.randn_like(start), dim=1)
    model.memory.prototypes.copy_(moved)
    inputs, samples = make_batch(model)

    losses = model(inputs, samples, mode='loss')
    total = losses['loss_zero_shot'] + losses['loss_finetuned']

    expected, _, _ = naive_step(
        tiny_clip_dir, moved, inputs, mixing_prototypes=start
    )
    current, _, _ = naive_step(tiny_clip_dir, moved, inputs)
    torch.testing.assert_close(total.detach(), expected, rtol=0, atol=1e-5)
    assert (expected - current).abs() > 1e-4  # the option makes a difference


def test_every_distinct_text_is_encoded_once(tiny_clip_dir):
    model = make_model(tiny_clip_dir)
    inputs, samples = make_batch(model)
    batches = []
    encode = model.clip.encode_text

    def recording(tokens):
        batches.append(tokens)
        return encode(tokens)

    model.clip.encode_text = recording
    with torch.no_grad():
        model(inputs, samples, mode='loss')
    assert len(batches) == 1
    assert len(batches[0].unique(dim=0)) == len(batches[0])
    assert batches[0].shape[1] < 77  # no wider than the longest


def test_padding_samples_change_nothing(tiny_clip_dir):
    """A repeated sample_idx is the padding of an uneven last batch."""
    model = make_model(tiny_clip_dir)
    inputs, samples = make_batch(model)
    plain = model(inputs, samples, mode='loss')
    model.memory.step()
    prototypes = model.memory.prototypes.clone()

    model = make_model(tiny_clip_dir)
    padded = torch.cat([inputs, inputs[:1]])
    repeated = model(padded, [*samples, samples[0]], mode='loss')
    model.memory.step()
    for key in ('loss_zero_shot', 'loss_finetuned'):
        torch.testing.assert_close(repeated[key], plain[key])
    torch.testing.assert_close(model.memory.prototypes, prototypes)


def test_logit_scale_is_clamped(tiny_clip_dir):
    model = make_model(tiny_clip_dir)
    with torch.no_grad():
        model.clip.logit_scale.fill_(7.0)
    inputs, samples = make_batch(model)
    losses = model(inputs, samples, mode='loss')
    assert float(losses['logit_scale']) == pytest.approx(100, rel=1e-5)
    assert model.clip.logit_scale.item() <= math.log(100) + 1e-6


def test_missing_texts_name_the_fix(tiny_clip_dir):
    model = make_model(tiny_clip_dir)
    inputs, samples = make_batch(model)
    del samples[3].group_text
    with pytest.raises(ValueError, match='no group text'):
        model(inputs, samples, mode='loss')
    del samples[2].zero_shot_label
    with pytest.raises(ValueError, match='ZeroShotLabelHook'):
        model(inputs, samples, mode='loss')


def test_unknown_text_kind_is_refused(tiny_clip_dir):
    with pytest.raises(ValueError, match="'class', 'image', 'group'"):
        make_model(tiny_clip_dir, texts=('image', 'caption'))


def test_single_class_trains(tiny_clip_dir):
    model = LatteCLIPClassifier(
        clip=dict(
            type='mmlatte.OpenCLIP', model_name=f'local-dir:{tiny_clip_dir}'
        ),
        class_names=['forest'],
    )
    model.init_weights()
    inputs, samples = make_batch(model)
    for sample in samples:
        sample.zero_shot_label = 0
    losses = model(inputs, samples, mode='loss')
    assert all(torch.isfinite(v).all() for v in losses.values())


def test_predict_is_the_nearest_prototype(tiny_clip_dir):
    model = make_model(tiny_clip_dir).eval()
    inputs, _ = make_batch(model)
    results = model(inputs, mode='predict')
    for x, result in zip(inputs, results, strict=True):
        z = model.clip.encode_image(x.unsqueeze(0))[0]
        cosines = [float(z @ m) for m in model.memory.prototypes]
        assert int(result.pred_label) == max(
            range(len(CLASSES)), key=cosines.__getitem__
        )
        assert float(result.pred_score.sum()) == pytest.approx(1, abs=1e-5)
