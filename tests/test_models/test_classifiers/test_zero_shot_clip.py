import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmlatte.models import ZeroShotCLIP
from mmlatte.models.class_descriptions import read_descriptions

CLASSES = ['forest', 'sea or lake']
SENTENCES = {
    'Sea or Lake': ['blue water.', 'a large lake seen from above', 'waves'],
    'Forest': ['many green trees.'],
    'City': ['nobody asked'],
}


@pytest.fixture
def make(tiny_clip_dir):
    clip = dict(
        type='mmlatte.OpenCLIP', model_name=f'local-dir:{tiny_clip_dir}'
    )

    def build(**kwargs):
        model = ZeroShotCLIP(clip, CLASSES, **kwargs).eval()
        model.init_weights()
        return model

    return build


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(3, 3, 32, 32, generator=generator)


@torch.no_grad()
def cosines(model, images, texts):
    """One text at a time, padded to the context length."""
    x = model.extract_feat(images)
    rows = []
    for text in texts:
        token = torch.zeros(1, 77, dtype=torch.long)
        ids = model.clip.tokenize(text)
        token[0, : len(ids)] = ids
        rows.append(x @ model.clip.encode_text(token)[0])
    return torch.stack(rows, dim=1)


@pytest.mark.parametrize('score_by', ['mean', 'scores'])
@pytest.mark.parametrize('source', ['templates', 'descriptions', 'file'])
@torch.no_grad()
def test_scores_equal_a_loop_over_texts(
    make, images, score_by, source, tmp_path
):
    if source == 'templates':
        templates = ['a photo of a {}.', 'a {} from above', '{}']
        model = make(templates=templates, score_by=score_by)
        texts = [[t.format(name) for t in templates] for name in CLASSES]
    else:
        descriptions = SENTENCES
        if source == 'file':
            descriptions = str(tmp_path / 'sentences.json')
            (tmp_path / 'sentences.json').write_text(json.dumps(SENTENCES))
        model = make(descriptions=descriptions, score_by=score_by)
        texts = [SENTENCES['Forest'], SENTENCES['Sea or Lake']]
        assert model.uses_lmm
    logits = model(images)
    for c, own in enumerate(texts):
        each = cosines(model, images, own)  # (3, texts)
        expected = each.mean(dim=1)
        if score_by == 'mean':
            features = model.clip.encode_texts(own)
            expected = expected / features.mean(dim=0).norm()
        assert torch.allclose(
            logits[:, c], model.clip.scale * expected, atol=1e-4, rtol=1e-5
        )


@torch.no_grad()
def test_one_template_gives_the_text_features_to_the_bit(make):
    model = make(templates='{}')
    assert torch.equal(
        model.memory.prototypes, model.clip.encode_texts(CLASSES)
    )
    assert not model.uses_lmm


@torch.no_grad()
def test_mean_is_unit_and_scores_are_shorter(make):
    mean = make(descriptions=SENTENCES).memory.prototypes
    scores = make(descriptions=SENTENCES, score_by='scores').memory.prototypes
    assert torch.allclose(mean.norm(dim=1), torch.ones(2), atol=1e-6)
    assert torch.allclose(F.normalize(scores, dim=1), mean, atol=1e-6)
    assert scores[1].norm() < 1  # three sentences, not parallel


def test_a_checkpoint_predicts_without_the_file(make, images, tmp_path):
    path = tmp_path / 'sentences.json'
    path.write_text(json.dumps(SENTENCES))
    state = make(descriptions=str(path)).state_dict()
    path.unlink()
    model = ZeroShotCLIP(
        dict(type='mmlatte.OpenCLIP', model_name=make().clip.model_name),
        CLASSES,
        descriptions=str(path),
    ).eval()
    model.load_state_dict(state)
    scores = torch.stack([s.pred_score for s in model.predict(images)])
    assert np.isfinite(scores).all()


def test_wrong_descriptions_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"no sentence for \['forest'\]"):
        read_descriptions({'Sea or Lake': ['x'], 'Forest': []}, CLASSES)
    with pytest.raises(ValueError, match="'forest' must be a list of texts"):
        read_descriptions({'forest': 'abc', 'sea or lake': ['x']}, CLASSES)
    with pytest.raises(FileNotFoundError, match=r'nothing\.json'):
        read_descriptions(tmp_path / 'nothing.json', CLASSES)
    (tmp_path / 'list.json').write_text('[]')
    with pytest.raises(ValueError, match=r'list\.json must hold'):
        read_descriptions(tmp_path / 'list.json', CLASSES)
    (tmp_path / 'half.json').write_text('{"a":')
    with pytest.raises(ValueError, match=r'half\.json is no JSON'):
        read_descriptions(tmp_path / 'half.json', CLASSES)


def test_unknown_scoring_is_named(make):
    with pytest.raises(ValueError, match="'mean' or 'scores', got 'max'"):
        make(score_by='max')


def test_weights_of_mmengines_way_are_refused(make):
    with pytest.raises(ValueError, match='init_cfg is not used'):
        make(init_cfg=dict(type='Pretrained', checkpoint='run.pth'))


@torch.no_grad()
def test_features_are_enough_to_predict(make, images):
    model = make()
    expected = model.forward(images, mode='tensor').softmax(dim=1)
    features = model.extract_feat(images)
    for found in (model.predict(images), model.predict_features(features)):
        scores = torch.stack([sample.pred_score for sample in found])
        assert torch.equal(scores, expected)


@pytest.mark.parametrize('name', ['logits', 'predict'])
def test_a_method_that_needs_images_to_predict_is_refused(name):
    with pytest.raises(TypeError, match='override feature_logits'):
        type('Other', (ZeroShotCLIP,), {name: lambda self, inputs: inputs})
