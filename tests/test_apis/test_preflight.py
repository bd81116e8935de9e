"""What is known of a weights file goes into the config of its run."""

import pytest
from mmengine.config import Config
from mmengine.logging import MMLogger

from mmlatte.apis import PreflightError
from mmlatte.apis.adapt.settings import clip_settings, preprocess_option
from mmlatte.apis.preflight import note_weight_facts, preflight


@pytest.fixture
def weights(tmp_path) -> str:
    path = tmp_path / 'mine.bin'
    path.touch()
    return str(path)


def test_facts_of_a_file_are_noted(weights):
    clip = Config(dict(clip=clip_settings(f'MobileCLIP2-S0/{weights}'))).clip
    note_weight_facts(clip)
    assert clip.preprocess == dict(
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        interpolation='bilinear',
        resize_mode='shortest',
    )
    assert clip.quick_gelu is False
    before = clip.to_dict()
    note_weight_facts(clip)
    assert clip.to_dict() == before


def test_what_cannot_be_known_is_not_noted(weights):
    clip = clip_settings(f'ViT-B-32/{weights}')
    note_weight_facts(clip)
    assert 'quick_gelu' not in clip and clip['preprocess']['mean'][0] > 0.4


def test_facts_of_a_tag_are_not_written_twice():
    clip = clip_settings('ViT-B-32/openai')
    note_weight_facts({**clip, 'load_weights': False})
    assert {*clip} == {'type', 'model_name', 'pretrained'}


def test_unknown_preprocessing_stops_a_run(weights):
    model = dict(clip=clip_settings(f'ViT-L-14/{weights}'))
    with pytest.raises(PreflightError, match=r'mean.*0\.5.*laion2b_s32b_b82k'):
        preflight(Config(dict(model=model)))


def test_another_normalisation_is_warned_about(weights, monkeypatch):
    heard: list[str] = []
    logger = MMLogger.get_instance('normalisation')
    monkeypatch.setattr(logger, 'handle', lambda r: heard.append(r.msg))
    clip = clip_settings(f'MobileCLIP2-S0/{weights}')
    for mean, warned in ([0, 0, 0], 0), ([122.77, 116.74, 104.09], 1):
        preprocessor = dict(mean=mean, std=[255, 255, 255])
        model = dict(clip=clip, data_preprocessor=preprocessor)
        preflight(Config(dict(model=model)))
        assert len(heard) == warned
    assert 'data_preprocessor.mean=[122.77' in heard[0]


def test_the_option_is_a_tag_or_values():
    assert preprocess_option(['dfn2b']) == 'dfn2b'
    words = ['mean=0,0,0', 'std=1,1,1', 'interpolation=bilinear']
    assert preprocess_option([*words, 'resize_mode=squash']) == dict(
        mean=[0.0, 0.0, 0.0],
        std=[1.0, 1.0, 1.0],
        interpolation='bilinear',
        resize_mode='squash',
    )
    with pytest.raises(ValueError, match=r"'0\.5' is not KEY=VALUE"):
        preprocess_option(['mean=0,0,0', '0.5'])
