"""What ends a tool with a message, and what with a traceback."""

import pytest

from mmlatte.apis import compose_config
from mmlatte.datasets.class_names import read_class_names
from mmlatte.registry import DATASETS, MODELS
from mmlatte.user_errors import user_errors


def test_errors_that_mmlatte_raises_are_messages():
    with pytest.raises(SystemExit, match=r'^classes: name 2 is empty\.$'):
        with user_errors():
            read_class_names(['sea', ''])


def test_what_is_built_from_a_config_keeps_its_message():
    config = dict(type='mmlatte.UnlabeledFolder', data_root='', classes=[])
    with pytest.raises(SystemExit, match=r'^classes holds no class name\.$'):
        with user_errors():
            DATASETS.build(config)


def test_missing_files_are_messages(tmp_path):
    path = tmp_path / 'none.txt'
    with pytest.raises(SystemExit, match=r'No such file.*none\.txt'):
        with user_errors():
            path.read_text()


@pytest.mark.parametrize(
    ('config', 'words'),
    [
        (dict(type='mmlatte.Nothing'), 'Nothing is not in the'),
        (
            dict(type='mmlatte.NormTuning', depth=1),
            'unexpected.*depth',
        ),
    ],
)
def test_errors_in_a_config_are_messages(config, words):
    with pytest.raises(SystemExit, match=words):
        with user_errors():
            MODELS.build(config)


def test_a_config_that_is_no_python(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text('a = 1\nb = [\n')
    with pytest.raises(SystemExit, match=r"config\.py' .*line 2: .*closed"):
        with user_errors():
            compose_config(str(path), None, None)


def test_slips_have_a_traceback(monkeypatch):
    with pytest.raises(AttributeError), user_errors():
        read_class_names([1, 2])  # a slip of the caller
    with pytest.raises(ZeroDivisionError), user_errors():
        1 / 0  # noqa: B018
    monkeypatch.setenv('MMLATTE_TRACEBACK', '1')
    with pytest.raises(ValueError, match='is empty'), user_errors():
        read_class_names(['sea', ''])
