import json

import pytest
import torch
from transformers import (
    BitImageProcessor,
    CLIPConfig,
    CLIPModel,
    Dinov2Config,
    Dinov2Model,
    ViTConfig,
    ViTImageProcessor,
    ViTModel,
)

from mmlatte.models import TransformersEncoder

SMALL = dict(
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=32,
    image_size=28,
    patch_size=14,
)


@pytest.fixture(scope='module')
def dino(tmp_path_factory):
    """A folder of a tiny DINOv2 with random weights."""
    folder = tmp_path_factory.mktemp('dino')
    torch.manual_seed(0)
    Dinov2Model(Dinov2Config(**SMALL)).save_pretrained(folder)
    BitImageProcessor(
        size={'shortest_edge': 32}, crop_size={'height': 28, 'width': 28}
    ).save_pretrained(folder)
    return folder


def test_features_are_the_class_token(dino):
    encoder = TransformersEncoder(str(dino))
    assert encoder.image_size == (28, 28)
    assert encoder.preprocess['resize'] == 32
    assert encoder.preprocess['interpolation'] == 'bicubic'
    images = torch.randn(2, 3, 28, 28)
    theirs = Dinov2Model.from_pretrained(dino).eval()
    with torch.no_grad():
        token = theirs(images).last_hidden_state[:, 0]
        found = encoder.encode_image(images)
    expected = torch.nn.functional.normalize(token, dim=1)
    assert torch.allclose(found, expected, atol=1e-5)
    assert found.shape == (2, encoder.embed_dim)


def test_the_weights_are_its_identity(dino):
    once, again = (TransformersEncoder(str(dino)) for _ in range(2))
    random = TransformersEncoder(str(dino), load_weights=False)
    assert once.fingerprint() == again.fingerprint() != random.fingerprint()


def test_without_a_trained_pooler_it_is_the_class_token(tmp_path):
    torch.manual_seed(0)
    model = ViTModel(ViTConfig(**SMALL), add_pooling_layer=False)
    model.save_pretrained(tmp_path)
    ViTImageProcessor(size={'height': 28, 'width': 28}).save_pretrained(
        tmp_path
    )
    encoder = TransformersEncoder(str(tmp_path))
    assert encoder.preprocess['resize_mode'] == 'squash'
    images = torch.randn(2, 3, 28, 28)
    with torch.no_grad():
        token = model.eval()(images).last_hidden_state[:, 0]
        found = encoder.encode_image(images)
    expected = torch.nn.functional.normalize(token, dim=1)
    assert torch.allclose(found, expected, atol=1e-5)


def test_a_model_that_reads_texts_is_refused(tmp_path):
    vision = dict(**SMALL)
    text = dict(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        vocab_size=99,
        intermediate_size=16,
    )
    config = CLIPConfig(vision_config=vision, text_config=text)
    CLIPModel(config).save_pretrained(tmp_path)
    BitImageProcessor().save_pretrained(tmp_path)
    with pytest.raises(RuntimeError, match=r'another CLIP is named open_clip'):
        TransformersEncoder(str(tmp_path))


def test_a_folder_without_what_it_takes_is_named(dino, tmp_path):
    with pytest.raises(RuntimeError, match=r'preprocessor_config\.json'):
        TransformersEncoder(str(tmp_path))
    for path in dino.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / 'config.json').read_text())
    config['num_hidden_layers'] = 3
    (tmp_path / 'config.json').write_text(json.dumps(config))
    with pytest.raises(RuntimeError, match=r'lacks weights .*layer\.2'):
        TransformersEncoder(str(tmp_path))


def test_a_checkpoint_brings_what_is_pooled(tmp_path):
    """Without weights, nobody sees that the pooler was not trained."""
    torch.manual_seed(0)
    model = ViTModel(ViTConfig(**SMALL), add_pooling_layer=False)
    model.half().save_pretrained(tmp_path)
    ViTImageProcessor(size={'height': 28, 'width': 28}).save_pretrained(
        tmp_path
    )
    encoder = TransformersEncoder(str(tmp_path))
    again = TransformersEncoder(str(tmp_path), load_weights=False)
    again.load_state_dict(encoder.state_dict())
    images = torch.randn(2, 3, 28, 28)
    found = encoder.encode_image(images)
    assert found.dtype == torch.float32
    assert {p.dtype for p in encoder.parameters()} == {torch.float32}
    assert torch.equal(again.encode_image(images), found)
    assert again.fingerprint() == encoder.fingerprint()
