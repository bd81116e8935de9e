import multiprocessing
import os
import runpy
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from mmlatte.apis import make_entries
from mmlatte.apis.pages.comparison import compare
from mmlatte.registry import MODELS

CONFIGS = Path(__file__).resolve().parents[3] / 'configs'
ABLATIONS = CONFIGS / '_base_' / 'ablations'
LATTECLIP = str(CONFIGS / 'latteclip_vitb32_eurosat.py')


def test_every_variation_of_latteclip_builds_and_differs():
    entries = make_entries(
        [LATTECLIP], ablation='latteclip', ablations=ABLATIONS
    )
    assert entries[0].name == 'latteclip_vitb32_eurosat'
    assert len({entry.key(0) for entry in entries}) == len(entries)
    assert len({entry.name for entry in entries}) == len(entries)
    for entry in entries:
        assert entry.trains
        model = entry.config.model
        MODELS.build(model.neck)
        MODELS.build(model.head)
        memory = dict(model.memory, class_names=['a'], embed_dim=2)
        MODELS.build(memory)
        group = entry.config.default_hooks.text_synth.group
        assert group.grid[0] * group.grid[1] == group.size


def test_a_run_is_known_by_config_and_seed():
    first = make_entries([LATTECLIP])[0]
    same = make_entries([LATTECLIP])[0]
    other = make_entries([LATTECLIP], {'optim_wrapper.optimizer.lr': 1e-3})[0]
    same.config.work_dir = 'elsewhere'
    assert first.key(0) == same.key(0)
    assert len({first.key(0), first.key(1), other.key(0)}) == 3


def test_wrong_ablations_are_named():
    with pytest.raises(FileNotFoundError, match=r'nothing\.py'):
        make_entries([LATTECLIP], ablation='nothing', ablations=ABLATIONS)
    with pytest.raises(ValueError, match='varies one config, got 2'):
        make_entries([LATTECLIP] * 2, ablation='latteclip')


def test_options_of_what_is_switched_off_are_left_out(tmp_path):
    path = tmp_path / 'zeroshot.py'
    path.write_text('train_dataloader = None\nmodel = dict(a=1)\n')
    options = {'train_dataloader.dataset.indices': 3, 'model.a': 2}
    (entry,) = make_entries([str(path)], options=options)
    assert entry.config.train_dataloader is None and entry.config.model.a == 2


def test_options_of_what_only_others_have_are_left_out():
    configs = [LATTECLIP, str(CONFIGS / 'methods/gda.py')]
    options = {
        'default_hooks.text_synth.lmm.model': 'X',
        'default_hooks.logger.interval': 7,
        # Absent in both: made for both.
        'optim_wrapper.clip_grad.max_norm': 1.0,
        'default_hooks.prototype_ema.type': 'mmlatte.PrototypeEMAHook',
    }
    latteclip, gda = make_entries(configs, options=options)
    hooks = latteclip.config.default_hooks
    assert hooks.text_synth.lmm.model == 'X'
    assert 'text_synth' not in gda.config.default_hooks
    for entry in (latteclip, gda):
        assert entry.config.default_hooks.logger.interval == 7
        assert entry.config.optim_wrapper.clip_grad.max_norm == 1.0
        assert 'prototype_ema' in entry.config.default_hooks
    # What is switched off stays so, whatever its type would be.
    options = {
        'val_evaluator.type': 'mmpretrain.Accuracy',
        'val_evaluator.topk': 1,
    }
    food = str(CONFIGS / 'methods/zeroshot.py')
    off, on = make_entries([food, LATTECLIP], options=options)
    assert off.config.val_evaluator is None
    assert on.config.val_evaluator.topk == 1
    # An option that fits none of the configs is not lost.
    options = {'default_hooks.text_synth.lmm.model': 'X'}
    [gda] = make_entries(configs[1:], options=options)
    assert gda.config.default_hooks.text_synth == dict(lmm=dict(model='X'))


CONFIG = 'train_dataloader = dict(a=1)\n'
#: Stands for tools/train.py: says that it runs, then trains for a minute.
TRAIN = """
import os, pathlib, sys, time
folder = pathlib.Path(sys.argv[sys.argv.index('--work-dir') + 1])
(folder / f'{os.getpid()}.pid').touch()
time.sleep(float(os.environ.get('SECONDS_OF_TRAINING', 60)))
(folder / 'summary.json').write_text('{"top1": 50.0}')
"""


@pytest.fixture
def tools(tmp_path):
    """A folder with the real compare.py and a stand-in of train.py."""
    folder = tmp_path / 'tools'
    folder.mkdir()
    shutil.copy(CONFIGS.parent / 'tools' / 'compare.py', folder)
    (folder / 'train.py').write_text(TRAIN)
    (tmp_path / 'one.py').write_text(CONFIG)
    return folder


def test_the_same_run_twice_runs_once(tools, tmp_path, monkeypatch):
    monkeypatch.setenv('SECONDS_OF_TRAINING', '0.3')
    entries = make_entries([str(tmp_path / 'one.py')] * 2)
    [result] = compare(entries, [0, 0], tmp_path / 'out', tools, jobs=2)
    [run] = result.runs
    assert run.error is None
    assert len(list((tmp_path / 'out').rglob('*.pid'))) == 1


def run_tool(path, *arguments):
    sys.argv = [str(path), *map(str, arguments)]
    runpy.run_path(str(path), run_name='__main__')


def test_sigterm_ends_the_runs(tools, tmp_path):
    arguments = [tmp_path / 'one.py', '--out', tmp_path / 'out', '--seeds']
    process = multiprocessing.get_context('fork').Process(
        target=run_tool,
        args=(tools / 'compare.py', *arguments, 0, 1, 2, '--jobs', 2),
    )
    process.start()
    deadline = time.monotonic() + 60
    while len(started := list((tmp_path / 'out').rglob('*.pid'))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for _ in range(2):  # as `timeout` does
        os.kill(process.pid, signal.SIGTERM)
        time.sleep(0.01)
    process.join(30)
    assert process.exitcode == 143
    for path in started:
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.stem), 0)
    # What waited for its turn was not started.
    assert len(list((tmp_path / 'out').rglob('*.pid'))) == 2
