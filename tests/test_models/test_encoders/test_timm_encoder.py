import re

import numpy as np
import pytest
import timm
import torch
from mmengine.dataset import Compose
from PIL import Image
from timm.data import create_transform, resolve_model_data_config

from mmlatte.datasets.clip_pipeline import (
    clip_data_preprocessor,
    clip_eval_pipeline,
)
from mmlatte.models import TimmEncoder
from mmlatte.registry import MODELS


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    """A file of random weights of a small timm model."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('timm') / 'weights.pth'
    torch.save(timm.create_model('test_vit').state_dict(), path)
    return path


@pytest.fixture(scope='module')
def encoder(weights):
    return TimmEncoder('test_vit', checkpoint_path=str(weights))


def test_features_are_timms_own_with_its_own_pixels(encoder, weights):
    theirs = timm.create_model(
        'test_vit', num_classes=0, checkpoint_path=None
    ).eval()
    state = torch.load(weights, weights_only=True)
    theirs.load_state_dict(state, strict=False)
    config = resolve_model_data_config(theirs)
    transform = create_transform(**config, is_training=False)
    pixels = np.random.default_rng(0).integers(0, 256, (210, 300, 3))
    image = Image.fromarray(pixels.astype(np.uint8))
    steps = clip_eval_pipeline(encoder.image_size, encoder.preprocess)
    sample = dict(img=pixels[..., ::-1].astype(np.uint8), sample_id='')
    packed = Compose(steps[1:])(sample)
    preprocessor = MODELS.build(clip_data_preprocessor(encoder.preprocess))
    own = preprocessor(dict(inputs=packed['inputs'][None]))['inputs']
    wanted = transform(image)[None]
    assert own.shape == wanted.shape
    assert (own - wanted).abs().max() < 1e-5
    with torch.no_grad():
        found = encoder.encode_image(own)
        feature = theirs(wanted)
    assert found.shape == (1, encoder.embed_dim)
    expected = torch.nn.functional.normalize(feature, dim=1)
    assert torch.allclose(found, expected, atol=1e-5)


def test_it_never_trains(encoder):
    assert not encoder.train().training
    assert not any(p.requires_grad for p in encoder.parameters())


def test_identity_is_that_of_weights_and_pixels(encoder, weights, tmp_path):
    copy = tmp_path / 'elsewhere.pth'
    copy.write_bytes(weights.read_bytes())
    assert TimmEncoder('test_vit', str(copy)).fingerprint() == (
        encoder.fingerprint()
    )
    others = [
        TimmEncoder('test_vit', str(weights), image_size=96),
        TimmEncoder('test_vit', str(weights), pool='token'),
        TimmEncoder('test_vit', load_weights=False),
    ]
    assert len({e.fingerprint() for e in [encoder, *others]}) == 4
    assert others[0].image_size == (96, 96)


def test_dino_has_its_class_token():
    encoder = TimmEncoder(
        'vit_tiny_patch16_dinov3'
        if timm.is_model('vit_tiny_patch16_dinov3')
        else 'vit_small_patch16_dinov3',
        load_weights=False,
        image_size=32,
    )
    assert encoder.model.global_pool == 'token'


def test_an_unknown_name_names_those_close_to_it():
    with pytest.raises(RuntimeError, match=r"no model 'test_vitt'.*test_vit"):
        TimmEncoder('test_vitt')
    with pytest.raises(RuntimeError, match=r"no weights 'test_vit\.mine'"):
        TimmEncoder('test_vit.mine')


def test_missing_files_and_those_of_other_models_are_named(weights, tmp_path):
    missing = str(tmp_path / 'gone.pth')
    with pytest.raises(RuntimeError, match=re.escape(missing) + "' does not"):
        TimmEncoder('test_vit', checkpoint_path=missing)
    with pytest.raises(RuntimeError, match='file of all weights of this very'):
        TimmEncoder('test_vit2', checkpoint_path=str(weights))


def test_without_network_it_says_what_to_do(monkeypatch):
    def unreachable(*args):
        raise RuntimeError("'timm/test_vit.r160_in1k' is not cached")

    monkeypatch.setattr(
        'mmlatte.models.encoders.timm_encoder.reach_hub', unreachable
    )
    with pytest.raises(RuntimeError, match=r'not cached.*checkpoint_path'):
        TimmEncoder('test_vit')
