"""The table of seconds until an accuracy is reached."""

import importlib.util
from pathlib import Path

import pytest

from mmlatte.apis import compose_config

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def tool():
    path = REPO / 'benchmarks' / 'time_to_accuracy.py'
    spec = importlib.util.spec_from_file_location('time_to_accuracy', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_row_counts_what_was_reached(tool):
    clock = dict(
        once=7.0,
        train=6.0,
        epochs=[4.0, 2.0, 2.0],
        images=100,
        accuracies=[(0.0, 40.0), (4.0, 47.0), (6.0, 45.0)],
    )
    slower = {**clock, 'accuracies': [(0.0, 40.0), (6.0, 48.0)]}
    cells = tool.row('both', [clock, slower], 46.0).strip('| ').split(' | ')
    # 50 images a second after the first epoch; reached after 4 s and 6 s.
    assert cells == ['both', '7', '6.0', '50.0', '5.0', '46.5']
    assert ' never ' in tool.row('one', [clock, slower], 47.5)
    fit = {**clock, 'epochs': [0.4]}
    assert tool.row('fit', [fit], 46.0).split(' | ')[3] == ''


def test_the_variants_are_configs(tool):
    for method, views, changes in tool.VARIANTS.values():
        cfg = compose_config(
            str(REPO / 'configs' / 'methods' / f'{method}.py'),
            str(REPO / 'benchmarks' / 'configs' / 'data' / 'eurosat.py'),
            str(REPO / 'benchmarks' / 'configs' / 'clips' / 'rsclip.py'),
        )
        cfg.merge_from_dict(changes)
        assert views in (None, 'texts_plain')
