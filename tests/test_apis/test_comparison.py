from pathlib import Path

import pytest

from mmlatte.apis import make_entries
from mmlatte.registry import MODELS

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
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
