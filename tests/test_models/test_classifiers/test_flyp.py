"""One step of FLYP against a loop over samples; its invariants."""

import pytest
import torch

from mmlatte.models import FLYPClassifier

LABELS = [0, 1, 0, 2, 1, 0, 3]
IDS = [4, 2, 0, 3, 5]  # labels 1, 0, 0, 2, 0: classes 3 and 4 do not occur


def naive_step(toy, inputs, labels, class_aware=False):
    """Every text of every sample by itself, at the full 77 tokens."""
    model = toy.clip()

    def unit(x):
        return x / x.norm()

    z = [unit(model.encode_image(x.unsqueeze(0))[0]) for x in inputs]
    t = []
    for y in labels:
        tokens = toy.tokenizer([f'a photo of a {toy.classes[y]}.'])
        t.append(unit(model.encode_text(tokens)[0]))
    scale, loss = model.logit_scale.exp(), 0.0
    for rows, columns in ((z, t), (t, z)):
        for i, row in enumerate(rows):
            logits = torch.stack([scale * row @ c for c in columns])
            positives = [
                j
                for j in range(len(rows))
                if (labels[j] == labels[i] if class_aware else j == i)
            ]
            terms = [logits.logsumexp(0) - logits[j] for j in positives]
            loss = loss + sum(terms) / len(terms) / len(rows) / 2
    loss.backward()
    return loss.detach(), dict(model.named_parameters())


@pytest.mark.parametrize('positives', ['diagonal', 'class'])
def test_step_equals_naive_loop(toy, positives):
    loss = dict(type='mmlatte.ContrastiveLoss', positives=positives)
    model = toy.model(FLYPClassifier, loss=loss)
    model.set_frozen(toy.frozen(LABELS))
    inputs = toy.images(len(IDS))
    total = model(inputs, toy.samples(IDS), mode='loss')['loss']
    total.backward()

    expected, parameters = naive_step(
        toy, inputs, [LABELS[i] for i in IDS], positives == 'class'
    )
    torch.testing.assert_close(total.detach(), expected, rtol=0, atol=1e-9)
    trained = 0
    for name, parameter in model.clip.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(
                parameter.grad, parameters[name].grad, rtol=1e-6, atol=1e-8
            )
            trained += bool(parameter.grad.any())
    assert trained > 30  # both towers learn


def test_padding_samples_change_nothing(toy):
    model = toy.model(FLYPClassifier)
    model.set_frozen(toy.frozen(LABELS))
    inputs = toy.images(len(IDS))
    plain = model(inputs, toy.samples(IDS), mode='loss')['loss']
    repeated = model(
        torch.cat([inputs, inputs[:1]]),
        toy.samples([*IDS, IDS[0]]),
        mode='loss',
    )['loss']
    torch.testing.assert_close(plain, repeated)


def test_predicts_with_the_finetuned_text_tower(toy):
    model = toy.model(FLYPClassifier)
    before = model.memory.prototypes.clone()
    with torch.no_grad():
        model.clip.text.text_projection.add_(
            torch.randn_like(model.clip.text.text_projection)
        )
    assert torch.equal(model.memory.prototypes, before)
    model.end_epoch()
    torch.testing.assert_close(
        model.memory.prototypes, model.clip.encode_texts(model.class_texts())
    )
    assert not torch.allclose(model.memory.prototypes, before, atol=1e-3)


def test_without_labels_the_error_names_the_hook(toy):
    model = toy.model(FLYPClassifier)
    with pytest.raises(RuntimeError, match='FrozenFeaturesHook'):
        model(toy.images(1), toy.samples([0]), mode='loss')
