"""Texts of classes: templates, further names, what CLIP can tell apart."""

import pytest
import torch
from mmengine.logging import MMLogger
from torch.nn.functional import normalize

from mmlatte.engine.frozen.labels_fingerprint import labels_fingerprint
from mmlatte.models import ZeroShotCLIP
from mmlatte.models.class_texts import (
    check_class_texts,
    check_templates,
    texts_of_classes,
)
from mmlatte.models.clip import ClipTokenizer

NAMES = {'forest': ['forest', 'woodland', 'wood']}


@pytest.fixture
def make(tiny_clip_dir):
    def build(names=('forest', 'sea'), **kwargs):
        name = f'local-dir:{tiny_clip_dir}'
        clip = dict(type='mmlatte.OpenCLIP', model_name=name)
        return ZeroShotCLIP(clip, names, **kwargs).eval()

    return build


@pytest.mark.parametrize(
    'template',
    [
        'a photo of a {}, a type of {label}.',
        'a photo of a {label}.',
        'a photo of a {0}.',
        'a photo of a {!r}.',
        'a photo of a {:>9}.',
        'a photo of a {}{}.',
        'a photo.',
        'a photo of a { }.',
        'a photo of a {} }.',
        'a {} in {{}',
    ],
)
def test_templates_with_another_field_are_refused(template):
    with pytest.raises(ValueError, match='exactly once') as error:
        check_templates(template)
    assert template in str(error.value)


def test_doubled_braces_are_braces():
    assert check_templates('a {} in {{brackets}}') == ['a {} in {{brackets}}']


def test_texts_of_all_names_in_all_templates():
    texts = texts_of_classes(['forest', 'sea'], ['a {}', '{}'], None, NAMES)
    assert texts == [
        ['a forest', 'a woodland', 'a wood', 'forest', 'woodland', 'wood'],
        ['a sea', 'sea'],
    ]


@pytest.mark.parametrize('templates', ['a {}', ['a {}', 'the {}']])
@torch.no_grad()
def test_a_class_is_the_mean_of_its_names(make, templates):
    model = make(templates=templates, prompt_names=NAMES)
    rows = []
    for name in ('forest', 'woodland', 'wood'):
        for template in model.templates:
            text = template.format(name)
            rows.append(model.clip.encode_texts([text])[0])
    expected = normalize(torch.stack(rows).mean(dim=0), dim=0)
    found = model.encode_classes()
    torch.testing.assert_close(found[0], expected, rtol=0, atol=1e-6)
    plain = make(templates=templates).encode_classes()
    torch.testing.assert_close(found[1], plain[1])
    assert not torch.allclose(found[0], plain[0], atol=1e-3)
    assert not model.uses_lmm


def test_labels_with_further_names_are_other_labels():
    args = 'clip', ['forest', 'sea'], ['a {}'], None
    assert labels_fingerprint(*args) == labels_fingerprint(*args, {})
    assert labels_fingerprint(*args) != labels_fingerprint(*args, NAMES)


def test_texts_that_are_cut_are_named(monkeypatch):
    heard: list[str] = []
    logger = MMLogger.get_instance('cut')
    monkeypatch.setattr(logger, 'handle', lambda r: heard.append(r.msg))
    tokenizer = ClipTokenizer('ViT-B-32')
    fits, cut = 'sea ' * 75, 'sea ' * 76
    check_class_texts(tokenizer, ['a', 'b'], [['sea'], [fits]])
    assert heard == []
    check_class_texts(tokenizer, ['a', 'b'], [['sea'], [cut]])
    assert heard[0].startswith('1 class texts are longer than the 77 tokens')
    assert repr(cut) in heard[0]


@pytest.mark.parametrize('length', range(70, 80))
def test_cut_is_what_the_context_does_not_hold(length):
    """Each of these words is a token; two more mark start and end."""
    tokenizer = ClipTokenizer('ViT-B-32')
    assert tokenizer.is_cut('sea ' * length) == (length + 2 > 77)


@pytest.mark.parametrize(
    'names',
    [
        ('Crane', 'crane '),
        ('very ' * 80 + 'old house', 'very ' * 80 + 'new house'),
    ],
)
def test_classes_of_the_same_tokens_are_refused(make, names):
    with pytest.raises(ValueError, match='are the same tokens'):
        make(names=('sea', *names)).init_weights()


def test_one_text_in_common_is_no_reason(make):
    texts = dict(sea=['water', 'waves'], lake=['water'])
    make(names=('sea', 'lake'), descriptions=texts).init_weights()
