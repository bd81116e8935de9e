"""Files whose features are known are not read, and predicted the same."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmlatte.apis import Inferencer
from mmlatte.apis.inference import predict_images
from mmlatte.decode_image import DecodeOptions
from mmlatte.engine.frozen import FrozenPass
from mmlatte.registry import DATASETS


@pytest.fixture
def folder(tiny_eurosat, tmp_path) -> Path:
    folder = tmp_path / 'images'
    folder.mkdir()
    for path in (tiny_eurosat / '2750').rglob('*_[1-4].jpg'):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture
def cached(tiny_config, folder, tmp_path) -> Inferencer:
    """Zero-shot CLIP after a frozen pass over the folder."""
    inferencer = Inferencer(tiny_config, device='cpu')
    dataset = DATASETS.build(
        dict(
            type='mmlatte.UnlabeledFolder',
            data_root=str(folder),
            classes=inferencer.classes,
            pipeline=[],
        )
    )
    pipeline = tiny_config.test_dataloader.dataset.pipeline
    look = FrozenPass(tmp_path / 'cache', pipeline, num_workers=0)
    look(inferencer.model, dataset)
    inferencer.use_features(tmp_path / 'cache')
    return inferencer


@pytest.fixture
def encoded(monkeypatch) -> list[int]:
    """Numbers of images that were encoded, a batch each."""
    counts: list[int] = []
    encode = predict_images._encode

    def count(model, batch):
        counts.append(0 if batch is None else len(batch['inputs']))
        return encode(model, batch)

    monkeypatch.setattr(predict_images, '_encode', count)
    return counts


def scores(inferencer: Inferencer, files) -> np.ndarray:
    found = inferencer(files, batch_size=5)
    return np.stack([result['pred_scores'] for result in found])


def test_known_files_are_not_read(cached, folder, tiny_config, encoded):
    known = scores(cached, folder)
    assert encoded == []
    plain = scores(Inferencer(tiny_config, device='cpu'), folder)
    assert sum(encoded) == 12
    np.testing.assert_allclose(known, plain, rtol=0, atol=1e-6)


def test_changed_new_and_broken_files_are_read(
    cached, folder, tiny_config, encoded
):
    files = sorted(folder.iterdir())
    before = scores(cached, folder)
    files[3].write_bytes(files[7].read_bytes())  # a copy of a known one
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    Image.fromarray(noise).save(files[5], quality=95)
    files[8].write_bytes(files[8].read_bytes()[:99])
    found = cached(files, batch_size=5)
    assert sum(encoded) == 1
    plain = Inferencer(tiny_config, device='cpu')(files, batch_size=5)
    for number, (a, b) in enumerate(zip(found, plain, strict=True)):
        assert a['img_path'] == b['img_path'] == str(files[number])
        assert ('error' in a) == ('error' in b) == (number == 8)
        if number != 8:
            np.testing.assert_allclose(
                a['pred_scores'], b['pred_scores'], rtol=0, atol=1e-6
            )
    np.testing.assert_array_equal(found[3]['pred_scores'], before[7])
    assert not np.allclose(found[5]['pred_scores'], before[5], atol=1e-6)


def test_a_moved_tower_reads_every_file_once(
    tiny_run, cached, folder, tmp_path, encoded
):
    adapted = Inferencer(str(tiny_run), device='cpu')
    plain = scores(adapted, folder)
    adapted.use_features(tmp_path / 'cache')
    encoded.clear()
    files = sorted(map(str, folder.iterdir()))
    scores(adapted, files[2:9])
    np.testing.assert_allclose(
        scores(adapted, files), plain, rtol=0, atol=1e-6
    )
    adapted.calibrate(files, frozen=cached)
    assert sum(encoded) == 12


def test_memory_is_bounded(tiny_run, cached, folder, tmp_path, encoded):
    adapted = Inferencer(str(tiny_run), device='cpu')
    adapted.use_features(tmp_path / 'cache')
    adapted.known.kept = 3
    for _ in range(2):
        scores(adapted, folder)
    assert sum(encoded) == 12 + 9


def test_another_reading_of_pixels_is_another_feature(cached, folder, encoded):
    cached.set_decoding(DecodeOptions(bands=(3, 2, 1)))
    scores(cached, folder)
    assert sum(encoded) == 12


def test_features_of_more_than_the_clip_are_not_those_of_the_clip(
    cached, folder, tmp_path, monkeypatch, encoded
):
    kind = type(cached.model)
    extract = kind.extract_feat

    def doubled(self, inputs, stage=None):
        return torch.nn.functional.normalize(extract(self, inputs) + 1)

    monkeypatch.setattr(kind, 'extract_feat', doubled, raising=False)
    cached.use_features(tmp_path / 'cache')
    scores(cached, folder)
    assert sum(encoded) == 12
