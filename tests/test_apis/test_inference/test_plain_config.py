import pytest
from mmengine.config import Config

from mmlatte.apis.inference.plain_config import read_plain_config


@pytest.mark.parametrize(
    'name', ['latteclip_vitb32_eurosat', 'zeroshot_vitb32_eurosat']
)
def test_reads_what_mmengine_writes(name):
    config = Config.fromfile(f'configs/{name}.py')
    read = read_plain_config(config.pretty_text)
    assert read.to_dict() == config.to_dict()


def test_reads_keys_that_are_no_names():
    names = {'Sea or Lake': ['sea'], 'Forest': ['trees'], 'a-b': dict(c=1)}
    config = Config(dict(model=dict(type='A', prompt_names=names)))
    assert 'dict({' in config.pretty_text  # how mmengine writes them
    assert read_plain_config(config.pretty_text).model.prompt_names == names


@pytest.mark.parametrize(
    'text',
    [
        "__import__('os').system('true')",
        "a = __import__('os')",
        'a = dict(b=open("x"))',
        'a = [print(1)]',
        'import os',
        'a = dict(**b)',
        'a = dict([(1, 2)])',
        'a = dict({1: f()})',
        'a = dict({1: 2}, {3: 4})',
        'a.b = 1',
        'a = {**b}',
        'a = (',
    ],
)
def test_runs_nothing(text):
    with pytest.raises(ValueError, match=r'config'):
        read_plain_config(text)
