"""What a weights file does not say, over all architectures of open_clip."""

import hashlib
import json
import shutil

import open_clip
import pytest
import torch
from mmengine.logging import MMLogger
from open_clip.pretrained import (
    get_pretrained_cfg,
    list_pretrained_tags_by_model,
)
from torch.nn.functional import normalize

from mmlatte.models.clip import OpenCLIP, find_weights, weight_facts
from mmlatte.models.clip.building import build_open_clip
from mmlatte.models.clip.weight_facts import (
    check_preprocess,
    gelu_difference,
    recognise,
)

OPENAI = ((0.48145466, 0.4578275, 0.40821073), 'bicubic', 'shortest')
HALF = (0.5, 0.5, 0.5)
KEYS = ('mean', 'std', 'interpolation', 'resize_mode')
FILE = '/somewhere/weights.bin'


@pytest.mark.parametrize('name', open_clip.list_models())
def test_every_architecture_is_right_or_refused(name):
    """The values of its tags where they agree, else an error with all."""
    tags = [
        get_pretrained_cfg(name, tag)
        for tag in list_pretrained_tags_by_model(name)
    ]
    wanted = {tuple(tag[key] for key in KEYS) for tag in tags}
    if len(wanted) == 1:
        found = find_weights(name, FILE, fetch=False)
        assert tuple(found.preprocess[key] for key in KEYS) in wanted
        quick = {bool(tag.get('quick_gelu')) for tag in tags}
        if len(quick) == 1:
            # open_clip's own config of roberta-ViT-B-32 has QuickGELU too.
            assert found.quick_gelu in quick
        elif not name.endswith('-quickgelu'):
            assert found.quick_gelu is None
        return
    with pytest.raises(RuntimeError, match='preprocess=') as error:
        find_weights(name, FILE, fetch=False)
    for values in wanted:
        assert f"'mean': {values[0]}, 'std': {values[1]}" in str(error.value)
    for tag in list_pretrained_tags_by_model(name):
        assert tag in str(error.value)


@pytest.mark.parametrize(
    ('name', 'mean', 'interpolation', 'resize_mode'),
    [
        ('ViT-B-32', *OPENAI),
        ('MobileCLIP2-S0', (0.0, 0.0, 0.0), 'bilinear', 'shortest'),
        ('MobileCLIP2-S4', OPENAI[0], 'bilinear', 'shortest'),
        ('ViT-B-16-SigLIP2', HALF, 'bicubic', 'squash'),
        ('PE-Core-B-16', HALF, 'bilinear', 'squash'),
        ('ViT-H-14-CLIPA', (0.485, 0.456, 0.406), 'bilinear', 'squash'),
        ('ViT-H-14-378-quickgelu', OPENAI[0], 'bicubic', 'squash'),
    ],
)
def test_known_values(name, mean, interpolation, resize_mode):
    found = find_weights(name, FILE, fetch=False).preprocess
    assert found['mean'] == mean
    assert found['interpolation'] == interpolation
    assert found['resize_mode'] == resize_mode


@pytest.mark.parametrize(
    ('name', 'path', 'tag'),
    [
        (
            'ViT-B-32',
            '/a/vit_b_32-quickgelu-laion400m_e31-d867053b.pt',
            'laion400m_e31',
        ),
        ('ViT-B-32', '/a/ViT-B-32-openai.safetensors', 'openai'),
        ('ViT-B-32', '/a/openai/open_clip_model.safetensors', 'openai'),
        (
            'ViT-B-32',
            '/hub/models--timm--vit_base_patch32_clip_224.laion400m_e32/'
            'snapshots/1/open_clip_model.safetensors',
            'laion400m_e32',
        ),
        (
            'ViT-B-32',
            '/a/CLIP-ViT-B-32-laion2B-s34B-b79K/open_clip_model.safetensors',
            'laion2b_s34b_b79k',
        ),
        ('ViT-L-14', '/a/dfn2b_s39b.pt', 'dfn2b_s39b'),
        ('ViT-L-14', '/a/dfn2b.pt', 'dfn2b'),
        ('ViT-B-32', '/a/weights.pt', None),
        ('ViT-B-32', '/a/notopenai.pt', None),
        ('ViT-S-32', '/a/openai.pt', None),
    ],
)
def test_names_tell_what_a_file_holds(name, path, tag):
    assert recognise(name, path) == tag


def test_a_recognised_file_has_the_facts_of_its_tag():
    found = find_weights('ViT-L-14', '/a/laion2b_s32b_b82k.bin', fetch=False)
    assert found.preprocess['mean'] == HALF
    assert found.quick_gelu is False
    found = find_weights('ViT-L-14', '/a/openai.pt', fetch=False)
    assert found.preprocess['mean'] == OPENAI[0]
    assert found.quick_gelu is True


@pytest.mark.parametrize('form', ['/{}/ViT-B-32.pt', '/b-{:.8}.pt'])
def test_the_digest_tells_what_a_file_holds(tmp_path, monkeypatch, form):
    path = tmp_path / 'mine.pt'
    path.write_bytes(b'some weights')
    digest = hashlib.sha256(b'some weights').hexdigest()
    url = 'https://host' + form.format(digest)
    tags = {'one': {'url': url, 'quick_gelu': True}, 'two': {}}
    monkeypatch.setattr(weight_facts, 'published', lambda name: tags)
    assert recognise('ViT-B-32', str(path)) == 'one'
    path.write_bytes(b'other weights!')
    assert recognise('ViT-B-32', str(path)) is None


def test_what_is_given_wins():
    mine = dict(
        mean=[0, 0, 0],
        std=[1, 1, 1],
        interpolation='bilinear',
        resize_mode='squash',
    )
    found = find_weights(
        'ViT-L-14', FILE, None, False, preprocess=mine, quick_gelu=False
    )
    assert found.preprocess['std'] == (1.0, 1.0, 1.0)
    assert found.quick_gelu is False
    found = find_weights(
        'ViT-L-14', FILE, None, False, preprocess='laion2b_s32b_b82k'
    )
    assert found.preprocess['mean'] == HALF


@pytest.mark.parametrize(
    ('given', 'words'),
    [
        ('laion', 'laion.* no tag of ViT-B-32: choose from .*openai'),
        (dict(mean=HALF), 'exactly the keys mean, std'),
        (dict(interpolation='nearest'), "interpolation='nearest'"),
        (dict(resize_mode='crop'), "resize_mode='crop'"),
        (dict(mean=(123.0, 117.0, 104.0)), 'mean=.* from 0 to 1'),
        (dict(std=(0.0, 1.0, 1.0)), 'std='),
        (dict(std=(0.5, 0.5)), 'std='),
    ],
)
def test_what_makes_no_sense_is_refused(given, words):
    whole = check_preprocess('openai', 'ViT-B-32')
    if isinstance(given, dict) and given != dict(mean=HALF):
        given = {**whole, **given}
    with pytest.raises(ValueError, match=words):
        check_preprocess(given, 'ViT-B-32')


def test_gelu_of_a_quickgelu_name_is_refused():
    path = '/a/laion2b_s34b_b79k.pt'
    with pytest.raises(RuntimeError, match="set model_name='ViT-B-32'"):
        find_weights('ViT-B-32-quickgelu', path, fetch=False)


def test_the_difference_is_that_of_two_towers():
    def tower(quick: bool):
        torch.manual_seed(0)
        vision = dict(
            layers=2, width=32, head_width=16, patch_size=8, image_size=32
        )
        text = dict(width=16, heads=2, layers=1)
        return open_clip.CLIP(16, vision, text, quick_gelu=quick).visual

    seen: list = []
    one, two = tower(False), tower(True)
    hook = one.register_forward_hook(lambda m, i, o: seen.append((i[0], o)))
    found = gelu_difference(one, (32, 32))
    hook.remove()
    image = seen[0][0]
    with torch.no_grad():
        features = [normalize(visual.eval()(image)) for visual in (one, two)]
    assert found == pytest.approx(float((features[0] - features[1]).norm()))
    assert found > 1e-4


def test_an_unknown_file_is_warned_about(tmp_path, monkeypatch):
    path = tmp_path / 'mine.pt'
    torch.save(open_clip.create_model('ViT-S-32').state_dict(), path)
    tags = {'quick': {'quick_gelu': True}, 'plain': {}}
    monkeypatch.setattr(weight_facts, 'published', lambda name: tags)
    logger = MMLogger.get_instance('facts')
    heard: list[str] = []
    monkeypatch.setattr(
        logger,
        'handle',
        lambda record: heard.append(f'{record.levelname} {record.msg}'),
    )
    clip = OpenCLIP('ViT-S-32', str(path))
    assert not clip.config['quick_gelu']
    warned = [line for line in heard if line.startswith('WARNING')]
    assert len(warned) == 1 and 'differ by 0.' in warned[0]
    heard.clear()
    assert OpenCLIP('ViT-S-32', str(path), quick_gelu=True).config[
        'quick_gelu'
    ]
    assert not [line for line in heard if line.startswith('WARNING')]


def test_folders_without_preprocessing_are_refused(tiny_clip_dir, tmp_path):
    folder = tmp_path / 'clip'
    shutil.copytree(tiny_clip_dir, folder)
    path = folder / 'open_clip_config.json'
    about = json.loads(path.read_text())
    how = about.pop('preprocess_cfg')
    path.write_text(json.dumps(about))
    with pytest.raises(RuntimeError, match='no preprocess_cfg with mean and'):
        OpenCLIP(f'local-dir:{folder}')
    how['mean'] = [0.1, 0.2, 0.3]
    clip = OpenCLIP(f'local-dir:{folder}', preprocess=how)
    assert clip.preprocess['mean'] == (0.1, 0.2, 0.3)


def test_gelu_is_no_choice_of_an_architecture_with_quick_gelu():
    with pytest.raises(RuntimeError, match='quick_gelu=False, but this arch'):
        build_open_clip('RN50-quickgelu', None, None, False, quick_gelu=False)
