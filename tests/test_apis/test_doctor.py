import pytest

from mmlatte.apis.doctor import diagnose, installed

FORKS = {
    'torch': '2.14.1+cpu',
    'torchvision': '0.29.1',
    'open_clip_torch': '3.3.0',
    'onedl-mmengine': '0.10.12',
    'onedl-mmcv': '2.3.6',
    'onedl-mmpretrain': '1.3.6',
}
ORIGINAL = {
    **{k: v for k, v in FORKS.items() if not k.startswith('onedl')},
    'mmengine': '0.10.7',
    'mmcv-lite': '2.2.0',
    'mmpretrain': '1.2.0',
    'setuptools': '81.0.0',
}


@pytest.mark.parametrize('versions', [FORKS, ORIGINAL])
def test_supported_stacks_have_no_problem(versions):
    assert diagnose(versions, '3.11.7') == []


@pytest.mark.parametrize(
    ('versions', 'change', 'message'),
    [
        (FORKS, {'mmengine': '0.10.7'}, 'both OpenMMLab stacks'),
        (FORKS, {'onedl-mmengine': None}, 'no complete OpenMMLab stack'),
        (ORIGINAL, {'setuptools': '82.0.0'}, 'setuptools<82'),
        (ORIGINAL, {'setuptools': None}, r'\(absent\)'),
        (ORIGINAL, {'mmcv-lite': None}, 'mmcv is missing'),
        (FORKS, {'torch': '2.3.1'}, '2.4 or newer'),
        (FORKS, {'open_clip_torch': None}, 'open_clip_torch is missing'),
    ],
)
def test_every_problem_has_its_fix(versions, change, message):
    changed = {k: v for k, v in {**versions, **change}.items() if v}
    problems = diagnose(changed, '3.11.7')
    assert len(problems) == 1
    with pytest.raises(ValueError, match=message):
        raise ValueError(problems[0])


def test_old_python():
    assert 'needs 3.10' in diagnose(FORKS, '3.9.1')[0]


def test_tool_agrees_with_this_environment(run_script):
    done = run_script('tools/doctor.py')
    assert done.returncode == int(bool(diagnose(installed()))), done.stdout
    assert installed()['torch'] in done.stdout
