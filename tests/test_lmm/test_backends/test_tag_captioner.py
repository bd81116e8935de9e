import io
import logging

import numpy as np
import open_clip
import pytest
import timm
import torch
from mmengine.logging import MMLogger
from PIL import Image

from mmlatte.lmm import (
    ImageError,
    LMMRequest,
    LMMUnavailableError,
    TagCaptioner,
    load_image,
)


def ask(lmm, images):
    requests = [
        LMMRequest(str(i), 'image', '', (lambda image=image: image), i)
        for i, image in enumerate(images)
    ]
    answers = [a for batch in lmm.generate(requests) for a in batch]
    answers.sort(key=lambda a: a.request.tag)
    return [a.text for a in answers]


@pytest.fixture(scope='module')
def images():
    noise = np.random.default_rng(0).integers(0, 256, (5, 40, 40, 3))
    return [Image.fromarray(n.astype(np.uint8)) for n in noise]


def test_phrases_are_the_nearest_under_clip(tiny_clip_dir, images):
    phrases = [f'phrase number {i}' for i in range(30)]
    name = f'local-dir:{tiny_clip_dir}'
    lmm = TagCaptioner(
        clip=dict(model_name=name),
        phrases=phrases,
        top_k=2,
        template='see {}!',
        batch_size=2,
    )
    model, _, transform = open_clip.create_model_and_transforms(name)
    tokens = open_clip.get_tokenizer(name)(phrases)
    with torch.no_grad():
        text = model.encode_text(tokens, normalize=True)
        for image, found in zip(images, ask(lmm, images), strict=True):
            feature = model.encode_image(transform(image)[None])[0]
            best = (text @ feature).argsort(descending=True)[:2]
            assert found == f'see {phrases[best[0]]}, {phrases[best[1]]}!'


def test_tags_are_the_best_of_a_classifier(images, tmp_path):
    torch.manual_seed(0)
    model = timm.create_model('resnet10t', num_classes=3).eval()
    torch.save(model.state_dict(), tmp_path / 'model.pth')
    (tmp_path / 'tags.txt').write_text('cat\n\ndog\nbird \n')
    lmm = TagCaptioner(
        classifier=dict(
            model_name='resnet10t',
            num_classes=3,
            checkpoint_path=str(tmp_path / 'model.pth'),
        ),
        tags=str(tmp_path / 'tags.txt'),
    )
    transform = timm.data.create_transform(
        **timm.data.resolve_model_data_config(model)
    )
    with torch.no_grad():
        pixels = torch.stack([transform(image) for image in images])
        expected = model(pixels).argmax(dim=1).tolist()
    tags = ['cat', 'dog', 'bird']
    assert ask(lmm, images) == [tags[i] for i in expected]


def test_imagenet_names_are_the_default():
    lmm = TagCaptioner(classifier=dict(model_name='resnet10t'))
    names = lmm._lines()
    assert len(names) == 1000 and names[0] == 'tench'


def test_it_says_that_it_is_no_lmm(tiny_clip_dir):
    lmm = TagCaptioner(
        clip=dict(model_name=f'local-dir:{tiny_clip_dir}'), phrases=['a']
    )
    assert 'no-lmm' in lmm.slug
    logged = io.StringIO()
    handler = logging.StreamHandler(logged)
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    lmm.check()
    logger.removeHandler(handler)
    assert 'no LMM writes them' in logged.getvalue()


def test_a_check_leaves_no_model_in_memory(tiny_clip_dir, images):
    lmm = TagCaptioner(
        clip=dict(model_name=f'local-dir:{tiny_clip_dir}'), phrases=['a']
    )
    lmm.check()
    assert lmm._score is None and lmm._transform is None
    assert ask(lmm, images[:1]) == ['a']


def test_broken_images_fail_alone(tiny_clip_dir, images, tmp_path):
    lmm = TagCaptioner(
        clip=dict(model_name=f'local-dir:{tiny_clip_dir}'), phrases=['a', 'b']
    )
    asked = [
        LMMRequest('0', 'image', '', lambda: images[0]),
        LMMRequest('1', 'image', '', lambda: load_image(tmp_path / 'no')),
    ]
    [answers] = lmm.generate(asked)
    assert {a.request.sample_id: a.error for a in answers} == {
        '0': '',
        '1': 'image: file not found',
    }
    assert issubclass(ImageError, Exception)


def test_what_is_missing_is_named(tmp_path):
    absent = TagCaptioner(clip=dict(model_name='NoSuch'), phrases=['a'])
    with pytest.raises(LMMUnavailableError, match='NoSuch'):
        absent.check()
    with pytest.raises(LMMUnavailableError, match='no file'):
        TagCaptioner(
            clip=dict(model_name='x'), phrases=str(tmp_path / 'no.txt')
        ).check()
    with pytest.raises(LMMUnavailableError, match='3 classes, but 1 tags'):
        TagCaptioner(
            classifier=dict(
                model_name='resnet10t', num_classes=3, pretrained=False
            ),
            tags=['a'],
        ).check()
    with pytest.raises(ValueError, match='either'):
        TagCaptioner()
    with pytest.raises(ValueError, match='phrases'):
        TagCaptioner(clip=dict(model_name='x'))
