import json

import pytest
import torch
from mmengine.runner import Runner

from mmlatte.models import PrototypeClassifier
from mmlatte.registry import MODELS


@MODELS.register_module()
class MeanClassifier(PrototypeClassifier):
    """Prototypes are noisy means of the images of a zero-shot label."""

    fitted_parameters = 48
    fits = True
    count = 0
    unsure = False

    def fit(self, frozen):
        self.kept_zero_shot = type(self).unsure
        type(self).count += 1
        labels = torch.from_numpy(frozen.labels)
        prototypes = torch.from_numpy(frozen.class_features).clone()
        for c in labels.unique():
            prototypes[c] = frozen.rows()[labels == c].mean(dim=0)
        self.memory.reset(prototypes + 0.01 * torch.randn(prototypes.shape))


@pytest.fixture
def make(make_config, eval_pipeline, tmp_path):
    def config(work_dir='run'):
        cfg = make_config(work_dir=work_dir)
        cfg.model.type = 'MeanClassifier'
        cfg.model.pop('texts')
        cfg.train_cfg = dict(type='mmlatte.FitLoop')
        cfg.optim_wrapper = dict(optimizer=dict(type='SGD', lr=1.0))
        cfg.pop('param_scheduler')
        cfg.custom_hooks = [
            dict(
                type='mmlatte.ZeroShotLabelHook',
                pipeline=eval_pipeline,
                cache_dir=str(tmp_path / 'cache'),
                num_workers=0,
            ),
            dict(type='mmlatte.FrozenFeaturesHook'),
            dict(type='mmlatte.RunSummaryHook'),
        ]
        return cfg

    return config


def test_fit_saves_evaluates_and_sums_up(make, tmp_path):
    torch.set_num_threads(1)
    runner = Runner.from_cfg(make())
    before = {k: v.clone() for k, v in runner.model.state_dict().items()}
    runner.train()
    after = runner.model.state_dict()
    changed = {k for k in before if not torch.equal(before[k], after[k])}
    assert changed == {'memory.prototypes'}
    summary = json.loads((tmp_path / 'run/summary.json').read_text())
    assert summary['trained_parameters'] == 48
    assert summary['images_per_second'] is None
    assert summary['train_seconds'] > 0
    assert summary['top1'] == runner.val_loop.run()['accuracy/top1']
    assert summary['zero_shot_top1'] is not None

    saved = torch.load(tmp_path / 'run/epoch_1.pth', weights_only=True)
    state = saved['state_dict']
    assert torch.equal(state['memory.prototypes'], after['memory.prototypes'])

    # The same seed fits the same; another one does not; a resumed run knows.
    again = Runner.from_cfg(make('again'))
    again.train()
    mine = again.model.memory.prototypes
    assert torch.equal(mine, runner.model.memory.prototypes)
    cfg = make('other')
    cfg.randomness.seed = 1
    other = Runner.from_cfg(cfg)
    other.train()
    assert not torch.equal(mine, other.model.memory.prototypes)
    cfg = make('resumed')
    cfg.resume, cfg.load_from = True, str(tmp_path / 'run/epoch_1.pth')
    count = MeanClassifier.count
    resumed = Runner.from_cfg(cfg)
    resumed.train()
    assert MeanClassifier.count == count
    assert torch.equal(mine, resumed.model.memory.prototypes)
    resumed_summary = json.loads(
        (tmp_path / 'resumed/summary.json').read_text()
    )
    for key in ('zero_shot_top1', 'top1', 'gain'):
        assert resumed_summary[key] == summary[key]


def test_a_resumed_fit_knows_that_it_stayed_frozen(
    make, tmp_path, monkeypatch
):
    monkeypatch.setattr(MeanClassifier, 'unsure', True)
    Runner.from_cfg(make()).train()
    cfg = make('resumed')
    cfg.resume, cfg.load_from = True, str(tmp_path / 'run/epoch_1.pth')
    resumed = Runner.from_cfg(cfg)
    resumed.train()
    assert resumed.model.kept_zero_shot
    for folder in ('run', 'resumed'):
        summary = json.loads((tmp_path / folder / 'summary.json').read_text())
        assert summary['kept_zero_shot'], folder
        assert summary['trained_parameters'] == 0


def test_a_model_that_cannot_fit_is_named(make):
    cfg = make()
    cfg.model.type = 'mmlatte.LatteCLIPClassifier'
    with pytest.raises(ValueError, match='LatteCLIPClassifier does not fit'):
        Runner.from_cfg(cfg).train()
