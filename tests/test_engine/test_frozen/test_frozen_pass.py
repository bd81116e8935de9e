import copy
import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.model import ImgDataPreprocessor
from mmengine.runner import Runner
from PIL import Image

from mmlatte.engine.frozen import (
    FeatureCache,
    FrozenPass,
    ZeroShotLabels,
    zero_shot_labels,
)
from mmlatte.engine.frozen.frozen_view import encode_frozen
from mmlatte.models.clip import OpenCLIP


@pytest.fixture
def label(make_config, eval_pipeline, tmp_path):
    """Return a function that looks at the training images of a runner."""

    def run(cache='cache', runner=None, **options) -> ZeroShotLabels:
        runner = runner or Runner.from_cfg(make_config())
        look = FrozenPass(
            tmp_path / cache,
            eval_pipeline,
            **{'batch_size': 4, 'num_workers': 0, 'chunk_size': 6, **options},
        )
        return look(runner.model, runner.train_dataloader.dataset)

    return run


@pytest.fixture
def calls(monkeypatch) -> list[int]:
    """Sizes of the batches that the image tower sees."""
    seen = []
    encode = OpenCLIP.encode_image

    def count(self, images):
        seen.append(len(images))
        return encode(self, images)

    monkeypatch.setattr(OpenCLIP, 'encode_image', count)
    return seen


def test_labels_are_those_of_a_plain_loop(label, make_config, tmp_path):
    runner = Runner.from_cfg(make_config())
    found = label(runner=runner)
    model = runner.model.eval()
    dataset = copy.copy(runner.train_dataloader.dataset)
    dataset.pipeline = runner.build_dataloader(
        runner._val_dataloader
    ).dataset.pipeline
    texts = model.clip.encode_texts(model.class_texts()).detach()
    assert found.labels.shape == (15,)  # 3 classes, 4 train + 1 val
    for index in range(15):
        data = dataset[index]
        inputs = model.data_preprocessor(dict(inputs=[data['inputs']]))
        with torch.no_grad():
            feature = model.clip.encode_image(inputs['inputs'])[0]
        cosines = texts @ feature
        assert found.labels[index] == int(cosines.argmax())
        assert np.isclose(found.scores[index], float(cosines.max()), atol=1e-6)
        assert np.allclose(found.features[index], feature, atol=1e-6)
    assert isinstance(found.features, np.memmap)
    assert np.allclose(found.class_features, texts, atol=1e-6)


def test_second_run_computes_nothing(label, calls, monkeypatch):
    first = label()
    assert sum(calls) == 15
    calls.clear()
    monkeypatch.setattr(zero_shot_labels, 'nearest_classes', None)
    second = label()
    assert calls == []
    for name in ('labels', 'scores', 'features', 'class_features'):
        mine, other = getattr(first, name), getattr(second, name)
        assert np.array_equal(mine, other) and mine.dtype == other.dtype


def test_name_of_the_features(label, make_config, eval_pipeline, tmp_path):
    """Pinned: features on disk stay valid."""
    runner = Runner.from_cfg(make_config())
    found = label(runner=runner)
    mean, std = (
        getattr(runner.model.data_preprocessor, name).flatten().tolist()
        for name in ('mean', 'std')
    )
    parts = [found.clip, eval_pipeline, mean, std, True]
    content = json.dumps(parts, sort_keys=True, default=str).encode()
    key = hashlib.sha256(content).hexdigest()[:16]
    dataset = runner.train_dataloader.dataset
    infos = [dataset.get_data_info(index) for index in range(15)]
    keys = [
        hashlib.blake2b(
            Path(info['img_path']).read_bytes(), digest_size=8
        ).digest()[::-1]
        for info in infos
    ]
    data = hashlib.sha256(b''.join(keys)).hexdigest()[:16]
    (features,) = (tmp_path / 'cache').glob('*/*/features.npy')
    assert features.parts[-3:-1] == (f'features-{key}', data)


def test_new_templates_need_no_new_features(label, make_config, calls):
    label()
    calls.clear()
    config = make_config(**{'model.templates': 'an aerial photo of {}.'})
    runner = Runner.from_cfg(config)
    other = label(runner=runner)
    expected = runner.model.encode_classes().numpy()
    assert np.allclose(other.class_features, expected, atol=1e-6)
    assert calls == []


def test_killed_run_goes_on_with_the_missing_chunks(
    label, calls, monkeypatch, tmp_path
):
    whole = label('whole')
    calls.clear()
    write = FeatureCache.write

    def write_one(self, chunk, features):
        if chunk == 1:
            raise KeyboardInterrupt
        write(self, chunk, features)

    monkeypatch.setattr(FeatureCache, 'write', write_one)
    with pytest.raises(KeyboardInterrupt):
        label()
    monkeypatch.setattr(FeatureCache, 'write', write)
    calls.clear()
    resumed = label()
    assert sum(calls) == 15 - 6
    assert np.array_equal(resumed.features, whole.features)
    (meta,) = (tmp_path / 'cache').glob('features-*/meta.json')
    assert json.loads(meta.read_text())['model'] == resumed.clip
    (data,) = (p for p in meta.parent.iterdir() if p != meta)
    names = sorted(p.name for p in data.iterdir())
    assert names[:2] == ['features.npy', 'images.npy']
    assert len(names) == 3 and names[2].startswith('labels-')


def test_bits_do_not_depend_on_workers(label):
    one, two = label('one'), label('two', num_workers=2)
    assert np.array_equal(one.features, two.features)


def test_only_changed_images_are_encoded(
    label, make_config, tiny_eurosat, tmp_path, calls
):
    """Of the same size and time, as files of one archive may be."""
    root = tmp_path / 'data'
    shutil.copytree(tiny_eurosat, root)
    image = root / '2750' / 'Forest' / 'Forest_1.jpg'
    config = make_config()
    config.train_dataloader.dataset.data_root = str(root)
    before = label(runner=Runner.from_cfg(config))
    calls.clear()
    stat, pixels = image.stat(), image.read_bytes()
    picture = Image.open(image).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    picture.save(image, quality=30)
    image.write_bytes(image.read_bytes().ljust(len(pixels), b'\0'))
    os.utime(image, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert image.stat().st_size == stat.st_size
    after = label(runner=Runner.from_cfg(config))
    assert calls == [1]
    other = (before.features != after.features).any(axis=1)
    assert other.sum() == (before.images != after.images).sum() == 1
    assert np.flatnonzero(other) == np.flatnonzero(
        before.images != after.images
    )


@pytest.mark.parametrize('change', ['image', 'pipeline', 'weights', 'swap'])
def test_other_data_or_model_gets_other_features(
    label, make_config, eval_pipeline, tiny_eurosat, tmp_path, calls, change
):
    label()
    calls.clear()
    config = make_config()
    if change == 'image':
        root = tmp_path / 'data'
        shutil.copytree(tiny_eurosat, root)
        image = root / '2750' / 'Forest' / 'Forest_1.jpg'
        image.write_bytes((root / '2750/Forest/Forest_2.jpg').read_bytes())
        config.train_dataloader.dataset.data_root = str(root)
    if change == 'swap':
        config.model.data_preprocessor.to_rgb = False
    runner = Runner.from_cfg(config)
    if change == 'weights':
        next(runner.model.clip.parameters()).data.add_(0.5)
    if change == 'pipeline':
        eval_pipeline[1]['interpolation'] = 'nearest'
    label(runner=runner)
    assert sum(calls) == (0 if change == 'image' else 15)


def test_both_names_of_the_channels_order_count(
    make_config, eval_pipeline, tmp_path
):
    runner = Runner.from_cfg(make_config())
    dataset = runner.build_dataloader(runner._train_dataloader).dataset
    look = FrozenPass(tmp_path, eval_pipeline)
    clip = runner.model.clip.fingerprint()
    folders = {look.cache(runner.model, dataset, clip).folder}
    for swap in (True, False):
        runner.model.data_preprocessor = ImgDataPreprocessor(
            mean=[122.77, 116.75, 104.09],
            std=[68.5, 66.63, 70.32],
            bgr_to_rgb=swap,
        )
        folders.add(look.cache(runner.model, dataset, clip).folder)
    assert len(folders) == 2  # that of the swap is the first again


def test_unreadable_images_are_all_named_at_once(
    label, make_config, tiny_eurosat, tmp_path
):
    root = tmp_path / 'data'
    shutil.copytree(tiny_eurosat, root)
    broken = [
        root / '2750' / 'Forest' / 'Forest_1.jpg',
        root / '2750' / 'SeaLake' / 'SeaLake_3.jpg',
    ]
    for path in broken:
        path.write_bytes(path.read_bytes()[:100])
    config = make_config()
    config.train_dataloader.dataset.data_root = str(root)
    with pytest.raises(RuntimeError) as error:
        label(runner=Runner.from_cfg(config), num_workers=1)
    for path in broken:
        assert str(path) in str(error.value)
    assert '2 of 15 images' in str(error.value)
    assert 'Forest_2.jpg' not in str(error.value)

    for path in broken:
        good = path.with_name(path.name.replace('_1', '_2'))
        good = good.with_name(good.name.replace('_3', '_2'))
        path.write_bytes(good.read_bytes())
    found = label(runner=Runner.from_cfg(config))
    assert len(found.labels) == 15


def test_features_that_are_no_numbers_are_named(
    label, make_config, monkeypatch
):
    def encode(model, inputs):
        features = encode_frozen(model, inputs)
        features[1, 3] = np.nan
        return features

    monkeypatch.setattr(
        'mmlatte.engine.frozen.frozen_pass.encode_frozen', encode
    )
    runner = Runner.from_cfg(make_config())
    with pytest.raises(RuntimeError, match='no numbers') as error:
        label(runner=runner)
    dataset = runner.train_dataloader.dataset
    # The second of the first batch of every chunk of six.
    for i in range(15):
        path = dataset.get_data_info(i)['img_path']
        assert (path in str(error.value)) == (i in (1, 7, 13))


def test_training_generators_are_untouched(label, make_config):
    runner = Runner.from_cfg(make_config())
    before = torch.get_rng_state()
    label(runner=runner)
    assert torch.equal(before, torch.get_rng_state())
