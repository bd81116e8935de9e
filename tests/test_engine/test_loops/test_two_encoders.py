"""Training and evaluation of a classifier that two encoders see for."""

import json
from types import SimpleNamespace

import pytest
import timm
import torch
from mmengine.runner import Runner

from mmlatte.engine.hooks import FrozenFeaturesHook


@pytest.fixture
def make(make_config, eval_pipeline, tmp_path):
    torch.manual_seed(0)
    path = tmp_path / 'weights.pth'
    torch.save(timm.create_model('test_vit').state_dict(), path)

    def config(work_dir, val_loop=None):
        cfg = make_config(work_dir=work_dir)
        cfg.model.type = 'mmlatte.GDAClassifier'
        cfg.model.pop('texts')
        cfg.model.second_encoder = dict(
            type='mmlatte.TimmEncoder',
            model_name='test_vit',
            checkpoint_path=str(path),
            image_size=64,
        )
        cfg.train_cfg = dict(type='mmlatte.FitLoop')
        cfg.optim_wrapper = dict(optimizer=dict(type='SGD', lr=1.0))
        cfg.pop('param_scheduler')
        if val_loop:
            cfg.val_cfg = dict(type=val_loop)
        cfg.test_dataloader = cfg.val_dataloader
        cfg.test_evaluator, cfg.test_cfg = cfg.val_evaluator, dict()
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


def test_images_and_their_features_are_evaluated_alike(make, tmp_path):
    torch.set_num_threads(1)
    summaries = {}
    for name, loop in (('plain', None), ('frozen', 'mmlatte.FrozenValLoop')):
        runner = Runner.from_cfg(make(name, loop))
        runner.train()
        summaries[name] = json.loads(
            (tmp_path / name / 'summary.json').read_text()
        )
        assert runner.model.weight.shape == (3, 16 + 64)
    plain, frozen = summaries['plain'], summaries['frozen']
    for key in ('top1', 'zero_shot_top1', 'per_class'):
        assert plain[key] == frozen[key]
    assert plain['second_encoder'] == 'test_vit'
    assert plain['top1'] != plain['zero_shot_top1']
    # tools/test.py: a new runner, the checkpoint, images.
    cfg = make('tested')
    cfg.load_from = str(tmp_path / 'plain' / 'epoch_1.pth')
    found = Runner.from_cfg(cfg).test()
    assert found['accuracy/top1'] == pytest.approx(plain['top1'])


def test_a_method_that_reads_no_second_encoder_says_so():
    hook = FrozenFeaturesHook(second_encoder=dict(type='mmlatte.TimmEncoder'))
    model = SimpleNamespace(reads_second=False, second_encoder=None)
    with pytest.raises(ValueError, match='learns from no second encoder'):
        hook.encoder(model)
