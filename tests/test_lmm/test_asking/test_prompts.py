import json
from pathlib import Path

import pytest

from mmlatte.lmm import GroupOptions
from mmlatte.lmm.asking.prompts import group_key, image_key, render

DATA = Path(__file__).resolve().parents[3] / 'configs' / 'data'
#: The table of the paper, as it is asked.
PAPER = {
    'eurosat': (
        'Describe the land use in the satellite image concisely, less than '
        '20 words.',
        'Describe the common visual attributes of the land use in all the '
        'satellite images concisely, less than 20 words.',
    ),
    'flowers102': (
        'Describe the {class} flower in the photo concisely, less than 20 '
        'words.',
        'Describe the common visual attributes of the flowers in all the '
        'photos concisely, less than 20 words.',
    ),
    'ucf101': (
        'Describe the action of the person in the photo concisely, less than '
        '20 words.',
        "Describe the common visual attributes of the person's actions in "
        'all the photos concisely, less than 20 words.',
    ),
}


def test_every_data_set_has_prompts():
    asked = {}
    for path in DATA.glob('*.json'):
        published = json.loads(path.read_text())['methods']['latteclip']
        asked[path.stem] = published['default_hooks']['text_synth']
    assert len(asked) == 16
    for name, (image, group) in PAPER.items():
        assert asked[name] == {'image_prompt': image, 'group_prompt': group}
    conditioned = {
        name
        for name, prompts in asked.items()
        if '{class}' in prompts['image_prompt']
    }
    assert conditioned == {'flowers102', 'food101'}
    for prompts in asked.values():
        assert '{' not in prompts['group_prompt']


def test_class_is_the_only_placeholder():
    assert render('The {class}!', 'rose') == 'The rose!'
    # A class name is text, never a template.
    assert render('The {class}!', '{class}') == 'The {class}!'
    with pytest.raises(ValueError, match=r'\{name\}'):
        render('The {name}', 'rose')


def test_a_group_text_is_kept_under_all_that_decides_its_collage():
    base = dict(
        prompt='p', class_name='c', options=GroupOptions(), seed=0, labels='l'
    )
    others = [
        dict(prompt='q'),
        dict(class_name='d'),
        dict(seed=1),
        dict(labels='m'),
        dict(options=GroupOptions(size=3)),
        dict(options=GroupOptions(gap=0)),
        dict(options=GroupOptions(canvas=336)),
        dict(options=GroupOptions(grid=(4, 1))),
        dict(options=GroupOptions(draw='neighbours')),
        dict(options=GroupOptions(draw='neighbours', neighbours=5)),
    ]
    keys = [group_key(**base)]
    keys += [group_key(**{**base, **other}) for other in others]
    assert len(set(keys)) == len(keys)
    assert group_key(**base) == keys[0]
    assert image_key('p') == 'p'
    square = GroupOptions(canvas=(672, 672), grid=[2, 2])
    assert group_key(**{**base, 'options': square}) == keys[0]


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(size=5), 'does not fit'),
        (dict(size=0), 'does not fit'),
        (dict(canvas=20), 'no room'),
        (dict(draw='random'), "'class' or 'neighbours'"),
        (dict(draw='neighbours', neighbours=2), 'less than size'),
    ],
)
def test_impossible_groups_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        GroupOptions(**options)
