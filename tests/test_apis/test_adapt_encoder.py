"""A folder labelled by two encoders, from adapt to new images."""

import csv
import json
from pathlib import Path

import numpy as np
import open_clip
import pytest
import timm
import torch
from PIL import Image

from mmlatte.apis import PreflightError, adapt, export_model
from mmlatte.apis.adapt.settings import encoder_settings
from mmlatte.apis.inference import Inferencer
from mmlatte.datasets.transforms import LoadImage
from mmlatte.models import TimmEncoder

CLASSES = ['forest', 'road', 'sea']


@pytest.fixture(scope='module')
def images(tmp_path_factory) -> Path:
    """Sixty-six images of three colours."""
    folder = tmp_path_factory.mktemp('own') / 'images'
    folder.mkdir()
    rng = np.random.default_rng(0)
    colours = dict(forest=(20, 90, 30), road=(120,) * 3, sea=(20, 40, 150))
    for name, colour in colours.items():
        for n in range(22):
            pixels = np.array(colour) + rng.integers(-20, 20, (40, 48, 3))
            image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            image.save(folder / f'{name}_{n:02d}.png')
    return folder


@pytest.fixture(scope='module')
def weights(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('timm') / 'weights.pth'
    torch.save(timm.create_model('test_vit').state_dict(), path)
    return path


@pytest.fixture(scope='module')
def choices(images, weights, tiny_clip_dir) -> dict:
    return dict(
        images=str(images),
        classes=CLASSES,
        clip=f'local-dir:{tiny_clip_dir}',
        encoder=f'timm:test_vit/{weights}',
        device='cpu',
        workers=0,
    )


@pytest.fixture(scope='module')
def answered(choices, images, tmp_path_factory):
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp('answered') / 'out'
    answers = out.parent / 'answers.csv'
    rows = [f'{name}_{n:02d}.png,{name}' for name in CLASSES for n in (0, 1)]
    answers.write_text('\n'.join(['image,class', *rows]) + '\n')
    return adapt(out=str(out), answers=[str(answers)], **choices)


def test_answers_spread_over_both_encoders(answered, images):
    assert answered.plan.encoder == 'test_vit'
    assert 'and         test_vit' in str(answered.plan)
    summary = json.loads((answered.run / 'summary.json').read_text())
    assert summary['second_encoder'] == 'test_vit'
    assert 'second encoder' in answered.report.read_text()
    rows = list(csv.DictReader(answered.predictions.open()))
    right = [Path(r['image']).name.startswith(r['class']) for r in rows]
    assert len(right) == 66 and all(right)
    assert not answered.exports


def test_the_checkpoint_alone_predicts_by_both(answered, images, weights):
    kept = weights.read_bytes()
    weights.unlink()  # it is not needed any more
    try:
        inferencer = Inferencer(str(answered.run), device='cpu')
        found = list(inferencer.stream(str(images), batch_size=5))
    finally:
        weights.write_bytes(kept)
    assert inferencer.model.weight.shape == (3, 16 + 64)
    assert all(
        Path(r['img_path']).name.startswith(r['pred_class']) for r in found
    )
    pixels = np.asarray(Image.open(images / 'sea_03.png'))[..., ::-1]
    (one,) = inferencer([pixels])
    assert one['pred_class'] == 'sea'
    wanted = next(r for r in found if r['img_path'].endswith('sea_03.png'))
    assert np.allclose(one['pred_scores'], wanted['pred_scores'], atol=1e-4)


def test_features_lie_side_by_side_and_are_kept(answered, images, weights):
    inferencer = Inferencer(str(answered.run), device='cpu')
    cache = answered.run.parent / 'cache'
    stored = [np.load(p) for p in cache.glob('features-*/*/features.npy')]
    assert {f.shape for f in stored} == {(66, 16), (66, 64)}
    second = next(f for f in stored if f.shape[1] == 64)
    encoder = TimmEncoder('test_vit', str(weights))
    same = inferencer.model.second_encoder.fingerprint()
    assert same == encoder.fingerprint()
    batch = inferencer.pipeline[1](
        inferencer.pipeline[0](
            dict(img_path=str(images / 'forest_00.png'), sample_id='')
        )
    )
    inputs = inferencer.model.data_preprocessor(
        dict(inputs=[view[None] for view in batch['inputs']])
    )['inputs']
    with torch.no_grad():
        feature = inferencer.model.extract_feat(inputs)[0, 16:].numpy()
    # In the order of the data set.
    assert np.abs(second - feature).max(axis=1).min() < 1e-5


def test_images_whose_features_are_known_are_not_read(
    answered, images, monkeypatch
):
    inferencer = Inferencer(str(answered.run), device='cpu')
    expected = list(inferencer.stream(str(images)))
    inferencer.use_features(answered.run.parent / 'cache')
    monkeypatch.setattr(
        LoadImage, 'load', lambda *args: pytest.fail('an image is read')
    )
    found = list(inferencer.stream(str(images)))
    for one, other in zip(found, expected, strict=True):
        assert one['img_path'] == other['img_path']
        scores = one['pred_scores'], other['pred_scores']
        assert np.allclose(*scores, atol=1e-4)


def test_it_is_not_exported_and_the_error_says_how(answered, choices, images):
    with pytest.raises(ValueError, match='one CLIP that learned the labels'):
        export_model(
            str(answered.run), 'onnx', answered.run / 'x', images=str(images)
        )


def test_with_an_export_clip_learns_the_labels_of_both(
    choices, images, tmp_path
):
    answers = tmp_path / 'answers.csv'
    rows = [f'{name}_{n:02d}.png,{name}' for name in CLASSES for n in (0, 1)]
    answers.write_text('\n'.join(['image,class', *rows]) + '\n')
    result = adapt(
        out=str(tmp_path / 'out'),
        answers=[str(answers)],
        export=['open_clip', 'torchscript'],
        **choices,
    )
    summary = json.loads((result.run / 'summary.json').read_text())
    assert summary['second_encoder'] == 'test_vit'
    folder = result.exports['open_clip']
    assert 'test_vit labelled' in (folder / 'README.md').read_text()
    inferencer = Inferencer(str(result.run), device='cpu')
    assert inferencer.model.second_encoder is None
    found = list(inferencer.stream(str(images)))
    right = [
        Path(r['img_path']).name.startswith(r['pred_class']) for r in found
    ]
    assert np.mean(right) > 0.95


def test_the_tuned_form_exports_one_clip(choices, images, tmp_path):
    answers = tmp_path / 'answers.csv'
    rows = [f'{name}_{n:02d}.png,{name}' for name in CLASSES for n in (0, 1)]
    answers.write_text('\n'.join(['image,class', *rows]) + '\n')
    result = adapt(
        out=str(tmp_path / 'out'),
        method='latteplus_tuned',
        answers=[str(answers)],
        epochs=1,
        batch_size=16,
        **choices,
    )
    summary = json.loads((result.run / 'summary.json').read_text())
    assert summary['second_encoder'] == 'test_vit'
    folder = result.exports['open_clip']
    model, _, _ = open_clip.create_model_and_transforms(f'local-dir:{folder}')
    assert model.encode_image(torch.randn(1, 3, 32, 32)).shape == (1, 16)
    assert 'test_vit labelled' in (folder / 'README.md').read_text()


def test_what_takes_no_encoder_says_so(choices, tmp_path):
    wrong = {**choices, 'method': 'latteclip', 'lmm': 'none'}
    with pytest.raises(ValueError, match="latteclip' reads no second encoder"):
        adapt(out=str(tmp_path), **wrong)
    for encoder, message in (
        ('resnet18', 'timm:NAME, timm:NAME/FILE'),
        ('timm:', 'give timm:NAME'),
    ):
        with pytest.raises(ValueError, match=message):
            encoder_settings(encoder)
    wrong = {**choices, 'encoder': 'timm:test_vit/gone.pth'}
    with pytest.raises(PreflightError, match=r"second encoder: .*'gone.pth'"):
        adapt(out=str(tmp_path), method='latteplus', **wrong)
