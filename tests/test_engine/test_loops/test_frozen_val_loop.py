import numpy as np
import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.runner import Runner

from mmlatte.models import OpenCLIP
from mmlatte.registry import METRICS


@METRICS.register_module(force=True)
class KeepScores(BaseMetric):
    """Keeps labels and scores by sample."""

    def process(self, data_batch, data_samples):
        for sample in data_samples:
            self.results.append(
                (sample['sample_id'], sample['gt_label'], sample['pred_score'])
            )

    def compute_metrics(self, results):
        self.kept = {
            name: (int(label), score.numpy()) for name, label, score in results
        }
        return {}


@pytest.fixture
def make(make_config, eval_pipeline, tmp_path):
    def build(loop: str) -> Runner:
        cfg = make_config(work_dir=loop)
        cfg.model.type = 'mmlatte.GDAClassifier'
        cfg.model.pop('texts')
        cfg.train_cfg = dict(type='mmlatte.FitLoop')
        cfg.val_cfg = dict(type=loop)
        cfg.val_evaluator = [cfg.val_evaluator, dict(type='KeepScores')]
        cfg.optim_wrapper = dict(optimizer=dict(type='SGD', lr=1.0))
        cfg.pop('param_scheduler')
        cfg.custom_hooks = [
            dict(
                type='mmlatte.ZeroShotLabelHook',
                pipeline=eval_pipeline,
                cache_dir=str(tmp_path / loop),
                num_workers=0,
            ),
            dict(type='mmlatte.FrozenFeaturesHook'),
            dict(type='mmlatte.RunSummaryHook'),
        ]
        return Runner.from_cfg(cfg)

    return build


@pytest.fixture
def encoded(monkeypatch) -> list[int]:
    counts: list[int] = []
    encode = OpenCLIP.encode_image

    def count(self, images):
        counts.append(len(images))
        return encode(self, images)

    monkeypatch.setattr(OpenCLIP, 'encode_image', count)
    return counts


def kept(runner: Runner) -> dict:
    return runner.val_loop.evaluator.metrics[1].kept


def assert_same(a: Runner, b: Runner) -> None:
    assert kept(a).keys() == kept(b).keys()
    for name, (label, scores) in kept(a).items():
        assert label == kept(b)[name][0]
        np.testing.assert_allclose(scores, kept(b)[name][1], rtol=0, atol=1e-6)


def test_the_numbers_are_those_of_the_ordinary_loop(make, encoded, tmp_path):
    torch.set_num_threads(1)
    plain, frozen = make('ValLoop'), make('mmlatte.FrozenValLoop')
    plain.train()
    images, tested = 15, len(plain.val_loop.dataloader.dataset)
    assert sum(encoded) == images + 2 * tested
    encoded.clear()
    frozen.train()
    # Once for zero-shot CLIP and the fit together.
    assert sum(encoded) == images + tested
    assert len(kept(frozen)) == tested
    assert_same(plain, frozen)
    one, other = (
        (tmp_path / loop / 'summary.json').read_text().split('"wall')[0]
        for loop in ('ValLoop', 'mmlatte.FrozenValLoop')
    )
    assert one.split('"train_seconds')[0] == other.split('"train_seconds')[0]


def test_a_clip_that_moved_is_looked_at_again(make, encoded):
    torch.set_num_threads(1)
    plain, frozen = make('ValLoop'), make('mmlatte.FrozenValLoop')
    for runner in (plain, frozen):
        runner.train()
        with torch.no_grad():
            for parameter in runner.model.clip.visual.parameters():
                parameter.mul_(1.1)
    before = {name: row[1].copy() for name, row in kept(frozen).items()}
    encoded.clear()
    for runner in (plain, frozen):
        runner.val_loop.run()
    tested = len(plain.val_loop.dataloader.dataset)
    assert sum(encoded) == 2 * tested
    assert_same(plain, frozen)
    assert any(
        not np.allclose(before[name], row[1], atol=1e-6)
        for name, row in kept(frozen).items()
    )
