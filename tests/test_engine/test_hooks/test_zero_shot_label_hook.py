import copy

import pytest
from mmengine.runner import Runner

from mmlatte.engine.hooks import ZeroShotLabelHook


def label(make_config, eval_pipeline, folder):
    runner = Runner.from_cfg(make_config())
    hook = ZeroShotLabelHook(folder, eval_pipeline, num_workers=0)
    runner.train_loop  # noqa: B018  (builds it, as train() does)
    hook.before_run(runner)
    return runner, hook


def test_features_of_a_finetuned_model_are_never_made(
    make_config, eval_pipeline, tmp_path
):
    runner, hook = label(make_config, eval_pipeline, tmp_path)
    found = hook.found
    next(runner.model.clip.parameters()).data.add_(0.5)
    hook.before_run(runner)  # test() after train() in one process
    assert hook.found is found
    fresh = ZeroShotLabelHook('nowhere')
    fresh.before_run(Runner.from_cfg(make_config()))  # test() alone
    assert fresh.found is None


def test_datasets_without_a_pipeline_are_refused(make_config, tmp_path):
    config = make_config()
    config.train_dataloader.dataset = dict(
        type='RepeatDataset',
        times=2,
        dataset=config.train_dataloader.dataset,
    )
    runner = Runner.from_cfg(config)
    runner.train_loop  # noqa: B018
    with pytest.raises(ValueError, match='RepeatDataset has no pipeline'):
        ZeroShotLabelHook(tmp_path).before_run(runner)


def test_pipeline_defaults_to_that_of_the_test_data(
    make_config, eval_pipeline, tmp_path
):
    keys = []
    for test_dataloader in (True, False):
        cfg = make_config()
        if test_dataloader:
            cfg.test_dataloader = copy.deepcopy(cfg.val_dataloader)
            cfg.test_evaluator, cfg.test_cfg = cfg.val_evaluator, dict()
        runner = Runner.from_cfg(cfg)
        runner.train_loop  # noqa: B018
        hook = ZeroShotLabelHook(tmp_path / 'cache', num_workers=0)
        hook.before_run(runner)
        pipeline = hook.frozen_pass.pipeline
        keys.append([step['type'] for step in pipeline])
        assert pipeline[1]['scale'] == 32  # the tiny tower's size
    assert keys[0] == keys[1]
