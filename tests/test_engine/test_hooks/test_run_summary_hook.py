import json

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner, ValLoop

from mmlatte.engine.find_hook import find_hook
from mmlatte.engine.hooks import ZeroShotLabelHook
from mmlatte.registry import HOOKS


@pytest.fixture
def make(make_config, eval_pipeline, tmp_path):
    def config(work_dir='run', **options):
        cfg = make_config(work_dir=work_dir, **options)
        cfg.custom_hooks += [
            dict(
                type='mmlatte.ZeroShotLabelHook',
                pipeline=eval_pipeline,
                cache_dir=str(tmp_path / 'cache'),
                num_workers=0,
            ),
            dict(type='mmlatte.RunSummaryHook'),
        ]
        return cfg

    return config


def read(tmp_path, work_dir='run'):
    return json.loads((tmp_path / work_dir / 'summary.json').read_text())


def test_summary_of_a_run(train, make, tmp_path):
    runner = train(make())
    summary = read(tmp_path)
    assert list(summary) == [
        'zero_shot_top1',
        'top1',
        'gain',
        'pseudo_label_top1',
        'texts',
        'images_per_second',
        'train_seconds',
        'wall_seconds',
        'trained_parameters',
        'kept_zero_shot',
        'is_fitted',
        'second_encoder',
        'answers',
        'estimated_top1',
        'per_class',
        'peak_memory_mb',
        'method',
    ]
    # The last evaluation of the run is the final accuracy ...
    assert summary['top1'] == runner.val_loop.run()['accuracy/top1']
    # ... and a fresh model's is the zero-shot accuracy.
    fresh = Runner.from_cfg(make('fresh'))
    zero_shot = fresh.val()['accuracy/top1']
    assert summary['zero_shot_top1'] == zero_shot
    assert summary['gain'] == summary['top1'] - zero_shot
    found = find_hook(runner, ZeroShotLabelHook).found
    dataset = runner.train_dataloader.dataset
    truth = [dataset.get_data_info(i)['gt_label'] for i in range(15)]
    right = sum(a == b for a, b in zip(found.labels, truth, strict=True))
    assert summary['pseudo_label_top1'] == pytest.approx(100 * right / 15)
    assert summary['texts'] is None
    assert summary['method'] == dict(
        name='LatteCLIPClassifier',
        transductive=False,
        teacher=False,
        uses_lmm=True,
    )
    trained = [p.numel() for p in runner.model.parameters()]
    assert summary['trained_parameters'] == sum(trained)
    assert 50 < summary['peak_memory_mb'] < 50_000
    # As many test images per class: the mean is the accuracy.
    per_class = summary['per_class']
    assert list(per_class) == runner.model.class_names
    mean = sum(per_class.values()) / len(per_class)
    assert mean == pytest.approx(summary['top1'])
    assert summary['wall_seconds'] > summary['train_seconds'] > 0
    assert summary['wall_seconds'] > 30 / summary['images_per_second'] > 0


def test_a_test_writes_what_it_knows(make, tmp_path):
    config = make()
    for key in ('dataloader', 'evaluator', 'cfg'):
        config[f'test_{key}'] = config[f'val_{key}']
        config[f'train_{key}'] = config[f'val_{key}'] = None
    config.pop('train_evaluator')
    config.optim_wrapper = config.param_scheduler = None
    top1 = Runner.from_cfg(config).test()['accuracy/top1']
    path = tmp_path / 'run' / 'test_summary.json'
    summary = json.loads(path.read_text())
    assert summary['top1'] == top1
    per_class = summary['per_class'].values()
    assert sum(per_class) / len(per_class) == pytest.approx(top1)
    assert summary['method']['name'] == 'LatteCLIPClassifier'


def test_training_is_the_same_with_and_without_the_summary(
    train, make, make_config
):
    with_hook = train(make('with'))
    without = train(make_config(work_dir='without'))
    a, b = with_hook.model.state_dict(), without.model.state_dict()
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_last_epoch_is_evaluated_even_if_no_evaluation_is_due(
    train, make, tmp_path
):
    config = make(**{'train_cfg.val_interval': 2, 'train_cfg.max_epochs': 3})
    config.train_cfg.val_begin = 9
    runner = train(config)
    assert read(tmp_path)['top1'] == runner.val_loop.run()['accuracy/top1']


@HOOKS.register_module()
class CountEvaluations(Hook):
    """Stands for early stopping and plateau schedulers."""

    count = 0

    def after_val_epoch(self, runner, metrics=None):
        self.count += 1


def test_zero_shot_evaluation_ends_no_epoch(train, make):
    config = make()
    config.custom_hooks.append(dict(type='CountEvaluations'))
    config.default_hooks.checkpoint.save_best = 'accuracy/top1'
    runner = train(config)
    hook = next(h for h in runner.hooks if isinstance(h, CountEvaluations))
    assert hook.count == 2  # epochs
    assert 'epoch_0' not in runner.message_hub.get_info('best_ckpt')


def test_resume_keeps_the_first_part(train, make, tmp_path):
    train(make('whole'))
    first = read(tmp_path, 'whole')
    saved = torch.load(tmp_path / 'whole' / 'epoch_1.pth', weights_only=True)[
        'meta'
    ]['run_summary']
    assert saved['zero_shot_top1'] == first['zero_shot_top1']
    assert saved['images'] == 15
    config = make('resumed')
    config.resume = True
    config.load_from = str(tmp_path / 'whole' / 'epoch_1.pth')
    train(config)
    summary = read(tmp_path, 'resumed')
    assert summary['zero_shot_top1'] == first['zero_shot_top1']
    assert summary['top1'] == first['top1']
    assert summary['wall_seconds'] > saved['wall_seconds']


def test_without_validation_keys_are_null(train, make, tmp_path):
    config = make()
    for key in ('val_dataloader', 'val_evaluator', 'val_cfg'):
        config.pop(key)
    train(config)
    summary = read(tmp_path)
    assert summary['zero_shot_top1'] is None
    assert summary['top1'] is None
    assert summary['gain'] is None
    assert summary['pseudo_label_top1'] is not None


def test_the_evaluation_before_training_can_be_left_out(
    train, make, tmp_path, monkeypatch
):
    train(make())
    evaluations = []
    run = ValLoop.run
    monkeypatch.setattr(
        ValLoop, 'run', lambda loop: evaluations.append(loop) or run(loop)
    )
    cfg = make('brief')
    cfg.custom_hooks[-1]['zero_shot'] = False
    train(cfg)
    assert len(evaluations) == cfg.train_cfg['max_epochs']
    brief = read(tmp_path, 'brief')
    assert brief['zero_shot_top1'] is None and brief['gain'] is None
    assert brief['top1'] == read(tmp_path)['top1']


def test_unknown_metric_is_named_before_training(train, make):
    config = make()
    config.custom_hooks[-1]['metric'] = 'f1'
    with pytest.raises(ValueError, match=r"'accuracy/top1'.*'f1'"):
        train(config)
