"""Names, files, tags, QuickGELU; what happens without a network."""

import time

import huggingface_hub
import open_clip
import pytest
import torch
from open_clip.transformer import QuickGELU

from mmlatte.models.clip import OpenCLIP, find_weights
from mmlatte.models.clip import weights as module


@pytest.fixture
def offline(monkeypatch):
    """The hub at a port where nobody listens."""
    monkeypatch.setattr(
        huggingface_hub,
        'hf_hub_url',
        lambda repo, name: f'http://127.0.0.1:9/{repo}/{name}',
    )


def test_unknown_model_suggests_names():
    with pytest.raises(RuntimeError, match="Did you mean 'ViT-B-32'"):
        OpenCLIP('ViT-B32')


def test_unknown_tag_lists_tags():
    with pytest.raises(RuntimeError, match='laion2b_s34b_b79k'):
        OpenCLIP('ViT-B-32', 'laion2b')


def test_missing_files(tmp_path):
    path = tmp_path / 'vit.safetensors'
    with pytest.raises(RuntimeError, match=f"'{path}' does not exist"):
        OpenCLIP('ViT-B-32', str(path))
    with pytest.raises(RuntimeError, match='does not exist'):
        OpenCLIP(f'local-dir:{tmp_path}/none')
    with pytest.raises(RuntimeError, match=r'open_clip_config\.json'):
        OpenCLIP(f'local-dir:{tmp_path}')
    (tmp_path / 'open_clip_config.json').write_text('{}')
    with pytest.raises(RuntimeError, match='holds no weights'):
        OpenCLIP(f'local-dir:{tmp_path}')


def test_folder_brings_its_own_weights(tiny_clip_dir):
    with pytest.raises(RuntimeError, match='set pretrained=None'):
        OpenCLIP(f'local-dir:{tiny_clip_dir}', 'openai')


def test_weights_that_do_not_fit(tiny_clip_dir, tmp_path):
    weights = tiny_clip_dir / 'open_clip_model.safetensors'
    with pytest.raises(RuntimeError, match='Cannot load'):
        OpenCLIP('ViT-B-32', str(weights))
    torn = tmp_path / 'torn.pt'
    torn.write_bytes(b'torn')
    with pytest.raises(RuntimeError, match=r'torn\.pt'):
        OpenCLIP('ViT-B-32', str(torn))


@pytest.mark.parametrize(
    ('name', 'tag', 'expected'),
    [
        (
            'ViT-B-32',
            'laion2b_s34b_b79k',
            'huggingface.co/laion/CLIP-ViT-B-32-laion2B-s34B-b79K',
        ),
        ('ViT-B-32', 'openai', "file>', quick_gelu=True"),
        ('ViT-B-16-SigLIP', 'webli', 'timm/ViT-B-16-SigLIP'),
        ('ViT-H-14', 'dfn5b', "preprocess='dfn5b', quick_gelu=True"),
    ],
)
def test_no_network(offline, tmp_path, name, tag, expected):
    start = time.monotonic()
    with pytest.raises(RuntimeError) as caught:
        find_weights(name, tag, cache_dir=str(tmp_path))
    assert time.monotonic() - start < 10
    message = str(caught.value)
    assert expected in message
    assert "pretrained='<path" in message


def test_no_network_for_hub_folders_and_hugging_face_towers(
    offline, tmp_path, monkeypatch
):
    cache = str(tmp_path)
    with pytest.raises(RuntimeError, match='owner/repo'):
        OpenCLIP('hf-hub:owner/repo', cache_dir=cache)
    monkeypatch.setattr(
        huggingface_hub, 'try_to_load_from_cache', lambda *a, **k: None
    )
    with pytest.raises(RuntimeError, match='roberta-base'):
        OpenCLIP('roberta-ViT-B-32', cache_dir=cache)


def test_cached_weights_need_no_network(offline, tmp_path, monkeypatch):
    cached = tmp_path / 'open_clip_model.safetensors'
    cached.touch()
    monkeypatch.setattr(
        huggingface_hub,
        'try_to_load_from_cache',
        lambda repo, name, cache_dir: (
            str(cached) if name == cached.name else None
        ),
    )
    found = find_weights('ViT-B-32', 'laion2b_s34b_b79k')
    assert found.path == str(cached)
    assert not found.quick_gelu
    found = find_weights('ViT-B-32', 'openai')
    assert found.quick_gelu
    assert found.preprocess['mean'] == open_clip.OPENAI_DATASET_MEAN


def test_tag_decides_on_quick_gelu_and_preprocessing(monkeypatch, tmp_path):
    """OpenAI's ViT-B-32 needs QuickGELU although the name does not say so."""
    state = open_clip.create_model('ViT-S-32').state_dict()
    path = tmp_path / 'weights.pt'
    torch.save(state, path)
    tag = {'file': str(path), 'quick_gelu': True, 'mean': (0.1, 0.2, 0.3)}
    monkeypatch.setattr(module, 'get_pretrained_cfg', lambda *a: tag)
    clip = OpenCLIP('ViT-S-32', 'some_tag')
    kinds = {type(m) for m in clip.modules()}
    assert QuickGELU in kinds
    assert clip.preprocess['mean'] == (0.1, 0.2, 0.3)
    torch.testing.assert_close(
        clip.text.token_embedding.weight, state['token_embedding.weight']
    )
    monkeypatch.undo()
    plain = OpenCLIP('ViT-S-32', str(path), preprocess=dict(clip.preprocess))
    assert QuickGELU not in {type(m) for m in plain.modules()}
    assert plain.fingerprint() != clip.fingerprint()


def test_coca_towers(tmp_path):
    clip = OpenCLIP('coca_base')
    images = torch.randn(1, 3, *clip.image_size)
    with torch.no_grad():
        assert clip.eval().encode_image(images).shape == (1, clip.embed_dim)
        texts = clip.encode_texts(['a river', 'a photo of a green forest'])
    assert texts.shape == (2, clip.embed_dim)


def test_modified_resnet_refuses_checkpointing():
    with pytest.raises(ValueError, match='ModifiedResNet'):
        OpenCLIP('RN50', grad_checkpointing=True)
