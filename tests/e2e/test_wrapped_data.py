"""Wrapped data sets in a whole run: every image keeps its own label."""

import copy
import json

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmlatte.apis import build_runner
from mmlatte.datasets.sample_index import samples_of
from mmlatte.engine.find_hook import require_hook
from mmlatte.engine.frozen import FrozenPass
from mmlatte.engine.hooks import ZeroShotLabelHook
from mmlatte.registry import DATASETS, MODELS


@pytest.fixture
def wrapped(make_tiny_run, monkeypatch):
    """Config of a run on train and test images, each of them twice."""
    torch.set_num_threads(1)
    run = make_tiny_run('wrapped')
    cfg = Config.fromfile(str(run.config))
    cfg.work_dir, cfg.launcher = str(run.work_dir), 'none'
    split = json.loads((run.data_root / 'split_zhou_EuroSAT.json').read_text())
    with run.texts.open('a') as file:
        for name, _, _ in split['test']:
            for kind in ('image', 'group'):
                line = dict(sample_id=name, kind=kind, text=f'{kind} {name}')
                file.write(json.dumps(line) + '\n')
    train = cfg.train_dataloader.dataset
    test = copy.deepcopy(train)
    test.split = 'test'
    cfg.train_dataloader.dataset = dict(
        type='RepeatDataset',
        times=2,
        dataset=dict(type='ConcatDataset', datasets=[train, test]),
    )
    monkeypatch.chdir(run.folder)
    return run, cfg, [train, test]


def test_every_image_has_its_own_label_and_texts(wrapped, tmp_path):
    run, cfg, leaves = wrapped
    runner = build_runner(cfg)
    runner.train()
    dataset = runner.train_loop.dataloader.dataset
    assert len(dataset) == 15 + 9
    assert runner.iter == 2 * (2 * 24 // 6)
    assert run.summary['texts']['made'] == 2 * 24

    hook = require_hook(runner, ZeroShotLabelHook, 'test')
    fresh = MODELS.build(cfg.model)
    fresh.init_weights()
    fresh.to(next(runner.model.parameters()).device)
    found = [
        FrozenPass(
            tmp_path / f'{number}', hook.frozen_pass.pipeline, num_workers=0
        )(fresh, DATASETS.build(leaf))
        for number, leaf in enumerate(leaves)
    ]
    expected = np.concatenate([one.labels for one in found])
    assert np.array_equal(hook.found.labels, expected)
    features = np.concatenate([one.features for one in found])
    np.testing.assert_allclose(hook.found.features, features, atol=1e-5)
    assert len(np.unique(features, axis=0)) == 24

    truth = np.concatenate(
        [samples_of(DATASETS.build(leaf)).labels for leaf in leaves]
    )
    share = 100 * (expected == truth).mean()
    assert run.summary['pseudo_label_top1'] == pytest.approx(share)
    seen = {}
    for batch in runner.train_loop.dataloader:
        for sample in batch['data_samples']:
            seen[sample.sample_idx] = sample.sample_id, sample.zero_shot_label
    names = dataset.data_list.names()
    assert seen == {
        i: (names[i], label) for i, label in enumerate(expected.tolist())
    }


def test_repeats_need_batches_that_know_them(wrapped):
    _, cfg, _ = wrapped
    cfg.train_dataloader.pop('batch_sampler')
    with pytest.raises(ValueError, match=r'RepeatDataset repeats.*Global'):
        build_runner(cfg).train()
