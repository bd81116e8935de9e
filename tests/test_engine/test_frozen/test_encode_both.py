"""Two encoders in one pass over the images."""

import numpy as np
import pytest
import timm
import torch
from mmengine.runner import Runner

from mmlatte.datasets.transforms import LoadImage
from mmlatte.engine.frozen import FrozenPass, UnreadableImagesError
from mmlatte.engine.frozen.encode_both import encode_both
from mmlatte.engine.frozen.second_features import second_features
from mmlatte.models import TimmEncoder


@pytest.fixture
def encoder(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / 'weights.pth'
    torch.save(timm.create_model('test_vit').state_dict(), path)
    return TimmEncoder('test_vit', str(path), image_size=32)


@pytest.fixture
def decoded(monkeypatch):
    """Files that were decoded, in turn."""
    seen = []
    load = LoadImage.load

    def count(self, source):
        seen.append(source)
        return load(self, source)

    monkeypatch.setattr(LoadImage, 'load', count)
    return seen


def make(folder, eval_pipeline):
    return FrozenPass(
        folder, eval_pipeline, batch_size=4, num_workers=0, chunk_size=6
    )


def test_one_pass_finds_what_two_find(
    make_config, eval_pipeline, tmp_path, encoder, decoded
):
    runner = Runner.from_cfg(make_config())
    model, data = runner.model, runner.train_dataloader.dataset
    apart = make(tmp_path / 'apart', eval_pipeline)
    clip = np.array(apart(model, data).features)
    second = np.array(second_features(encoder, apart, data))
    assert len(decoded) == 30
    decoded.clear()
    both = make(tmp_path / 'both', eval_pipeline)
    was_training = model.training
    encode_both(both, model, encoder, data)
    assert len(decoded) == len(set(decoded)) == 15
    assert model.training is was_training
    assert np.allclose(both(model, data).features, clip, atol=1e-6)
    found = second_features(encoder, both, data)
    assert np.allclose(found, second, atol=1e-6)
    assert len(decoded) == 15
    assert not list((tmp_path / 'both').glob('features-*/*.npy'))


def test_what_one_has_is_not_made_again(
    make_config, eval_pipeline, tmp_path, encoder, decoded
):
    runner = Runner.from_cfg(make_config())
    model, data = runner.model, runner.train_dataloader.dataset
    look = make(tmp_path / 'cache', eval_pipeline)
    look(model, data)
    decoded.clear()
    encode_both(look, model, encoder, data)
    encode_both(look, model, None, data)
    assert not decoded
    second_features(encoder, look, data)
    assert len(decoded) == 15


def test_unreadable_images_are_all_named(
    make_config, eval_pipeline, tmp_path, encoder, monkeypatch
):
    def broken(self, source):
        raise RuntimeError('broken')

    monkeypatch.setattr(LoadImage, 'load', broken)
    runner = Runner.from_cfg(make_config())
    look = make(tmp_path / 'cache', eval_pipeline)
    data = runner.train_dataloader.dataset
    with pytest.raises(UnreadableImagesError, match='15 of 15 images'):
        encode_both(look, runner.model, encoder, data)
