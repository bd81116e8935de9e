"""The benchmark tools as a user runs them, on real runs of tiny CLIP."""

import importlib.util
import json
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

REPO = Path(__file__).resolve().parents[2]


def rows(output: str) -> dict[str, list[str]]:
    """Cells of all Markdown tables, by the first of a row."""
    cells = [
        [cell.strip() for cell in line.strip('|').split('|')]
        for line in output.splitlines()
        if line.startswith('|')
    ]
    return {row[0]: row[1:] for row in cells}


def test_shares_of_a_training_run_add_up(make_tiny_run):
    done = make_tiny_run().tool('../benchmarks/training_share.py')
    table = rows(done.stdout)
    seconds = {
        part: float(cells[0])
        for part, cells in table.items()
        if part not in ('part', '---')
    }
    whole = seconds.pop('whole')
    assert sum(seconds.values()) == pytest.approx(whole, abs=0.5)
    assert {'towers, forward', 'optimizer', 'waiting for batches'} < {*seconds}
    assert seconds['hooks, logs, checkpoints, all else'] > 0


def test_robustness_of_a_fit(make_tiny_run):
    run = make_tiny_run()
    run.config = run.write_fit('latteplus.py', 'LattePlusClassifier')
    few = 'options.min_agreement=0.99'
    done = run.tool(
        '../benchmarks/robustness.py',
        *('--seeds', '0', '1', '--out', 'table.md'),
        *('--vary', f'{few}+options.alpha=0.5', 'options.alpha=0.5'),
    )
    table = rows(done.stdout)
    assert table['images'][5].startswith(f'{few}+options.alpha=0.5: gain')
    assert table['all'][0] == '1' and table['few'][0] == '2'  # runs
    assert table['one class'][0] == '3'  # classes
    before, after, gain, worst = map(float, table['all'][1:5])
    assert gain == worst == pytest.approx(after - before, abs=0.11)
    # This one always stays zero-shot CLIP.
    assert table['all'][5] == '+0.0 (+0.0)'
    assert (run.folder / 'table.md').read_text().count('## latteplus') == 1


def test_robustness_of_runs(make_tiny_run):
    run = make_tiny_run()
    config = run.config = run.write_fit('gda.py', 'GDAClassifier')
    options = (
        *('--outliers', str(config), '--seeds', '1'),
        *('--parts', 'absent', 'outliers'),
        *('--cfg-options', 'val_dataloader.dataset.indices=20'),
    )
    tool = '../benchmarks/robustness_training.py'
    done = run.tool(tool, *options)
    table = rows(done.stdout)
    out = run.folder / 'work_dirs' / 'robustness_training'
    for part in ('absent', 'outliers'):
        (path,) = (out / 'runs').glob(f'{part}_1_*/summary.json')
        summary = json.loads(path.read_text())
        assert summary['pseudo_label_top1'] is None  # it saw no label
        seed, *shown = map(float, table[part])
        keys = ('zero_shot_top1', 'top1', 'gain', 'gain')
        known = [summary[key] for key in keys]
        assert seed == 1 and shown == pytest.approx(known, abs=0.051)
        # Half of three names: the images, and the test, of one class.
        tested = [v for v in summary['per_class'].values() if v is not None]
        (folder,) = out.glob(f'images/gda/{part}_1_*/*')
        shown = {path.resolve().parent.name for path in folder.iterdir()}
        assert len(shown) == len(tested) == (1 if part == 'absent' else 3)
    again = run.tool(tool, *options)
    assert again.stdout.count('(reused)') == 2
    assert rows(again.stdout) == table


@pytest.fixture
def robustness(monkeypatch):
    """The tool as a module."""
    path = REPO / 'benchmarks' / 'robustness.py'
    spec = importlib.util.spec_from_file_location('robustness', path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, 'robustness', module)
    spec.loader.exec_module(module)
    return module


def test_parts_hold_what_they_say(robustness):
    truth = np.repeat(np.arange(4), 1000)
    # Features tell class and place.
    features = np.stack([truth, np.arange(4000)], axis=1).astype(np.float32)
    data = robustness.Data(
        cfg=None,
        model=None,
        frozen=SimpleNamespace(
            features=features, class_features=np.zeros((4, 2))
        ),
        truth=truth,
        test=torch.zeros(4000, 2),
        test_truth=truth,
    )
    others = np.full((2000, 2), -1, np.float32)
    found = list(robustness.parts(data, others, seed=0))
    single = [part for part in found if part[0] == 'one class']
    found = {name: (part, which) for name, part, which in found}
    assert len(found['few'][0]) == 200
    kept, which = found['absent']
    classes = set(kept[:, 0].astype(int))
    assert len(classes) == 2 and set(truth[which]) == classes
    counts = np.bincount(found['imbalanced'][0][:, 0].astype(int))
    assert counts.max() / counts.min() == pytest.approx(20, rel=0.4)
    tested = np.bincount(truth[found['imbalanced'][1]])
    assert np.argsort(tested).tolist() == np.argsort(counts).tolist()
    outliers = found['outliers'][0][:, 0] == -1
    assert outliers.mean() == pytest.approx(0.1, abs=0.001)
    for c, (_, part, which) in enumerate(single):
        assert set(part[:, 0]) == {c} and set(truth[which]) == {c}


@pytest.fixture
def clips(monkeypatch):
    """The table of CLIPs as a module."""
    path = REPO / 'benchmarks' / 'clips.py'
    spec = importlib.util.spec_from_file_location('clips', path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, 'clips', module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ('name', 'columns', 'refused'),
    [
        ('ViT-S-32', ('features', 'Block', 'microCLIP'), {}),
        ('RN50', ('LoRA', 'Block'), {'Block': 'finds no blocks'}),
        ('ViT-B-16-SigLIP', ('features', 'LoRA'), {}),
        ('MobileCLIP2-S0', ('microCLIP',), {}),
        ('roberta-ViT-B-32', ('features',), {'features': 'of a hub'}),
    ],
)
def test_what_works_with_a_clip(clips, name, columns, refused):
    row = clips.check(name, columns)
    assert {*row} == {*columns}
    for column, message in row.items():
        assert refused.get(column, 'works') in message


def test_what_is_too_large_is_not_tried(clips, monkeypatch):
    monkeypatch.setattr(clips, 'MOST', 1000)
    row = clips.check('ViT-S-32', ('features', 'LoRA'))
    assert all(m.startswith('not tried: size (') for m in row.values())


@pytest.mark.parametrize('ending', ['processor time', 'seconds'])
def test_what_was_tried_in_time_is_kept(clips, monkeypatch, ending):
    first = json.dumps({'features': 'works'})
    both = json.dumps({'features': 'works', 'LoRA': 'TypeError: no'})
    output = f'hello\nROW {first}\nROW {both}\n'

    def run(command, **_):
        if ending == 'seconds':
            raise subprocess.TimeoutExpired(command, 9, output.encode())
        return SimpleNamespace(
            stdout=output, stderr='', returncode=-signal.SIGXCPU
        )

    monkeypatch.setattr(subprocess, 'run', run)
    row = clips._try_apart('any', 5)
    assert [*row] == [*clips.COLUMNS]
    assert (row['features'], row['LoRA']) == ('works', 'TypeError: no')
    assert row['onnx'].startswith('not tried: size (over ')


def test_kinds_of_clips_do_not_depend_on_sizes(clips):
    kinds = {
        name: clips.kind_of(name)[0]
        for name in ('ViT-B-32', 'ViT-L-14', 'ViT-B-32-quickgelu', 'RN50')
    }
    assert kinds['ViT-B-32'] == kinds['ViT-L-14']
    assert len(set(kinds.values())) == 3


def test_the_table_groups_what_has_the_same_outcome(clips):
    works = dict.fromkeys(clips.COLUMNS, 'works')
    fails = {**works, 'hf': 'ValueError: two cannot become it'}
    page = clips.markdown({('one', 'three'): works, ('two', 'four'): fails})
    table = rows(page)
    assert table['one, three'] == ['works'] * len(clips.COLUMNS)
    assert table['two, four'].count('[1](#messages)') == 1
    assert '1. ValueError: it cannot become it' in page
