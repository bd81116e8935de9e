import numpy as np
import pytest
from mmengine.runner import Runner

from mmlatte.models import PrototypeClassifier
from mmlatte.registry import MODELS


@MODELS.register_module()
class RecordingClassifier(PrototypeClassifier):
    """Trains on its logits' mean and writes down what it is told."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.told = []

    def set_frozen(self, frozen):
        self.frozen = frozen
        self.told.append('frozen')

    def start_epoch(self, epoch, max_epochs):
        self.told.append(('start', epoch, max_epochs))

    def end_epoch(self):
        self.told.append('end')

    def loss(self, inputs, data_samples):
        labels = self.frozen.labels_of(data_samples)
        return dict(loss=self.logits(inputs)[:, labels].mean())


@pytest.fixture
def make(make_config, eval_pipeline, tmp_path):
    def config(model='RecordingClassifier'):
        cfg = make_config()
        cfg.train_cfg.type = 'mmlatte.ResumableTrainLoop'
        cfg.train_cfg.pop('by_epoch')
        cfg.model.type = model
        cfg.model.pop('texts')
        cfg.custom_hooks = [
            dict(
                type='mmlatte.ZeroShotLabelHook',
                pipeline=eval_pipeline,
                cache_dir=str(tmp_path / 'cache'),
                num_workers=0,
            ),
            dict(type='mmlatte.FrozenFeaturesHook'),
            dict(type='mmlatte.SampleSeedHook'),
        ]
        return cfg

    return config


def test_model_is_told_about_features_and_epochs(make):
    runner = Runner.from_cfg(make())
    runner.train()
    model = runner.model
    start, end = ('start', 0, 2), 'end'
    assert model.told == ['frozen', start, end, ('start', 1, 2), end]
    hook = next(h for h in runner.hooks if hasattr(h, 'fingerprint'))
    assert np.array_equal(model.frozen.labels, hook.labels)
    assert np.array_equal(model.frozen.rows(), hook.features)
    assert np.array_equal(model.frozen.class_features, hook.class_features)


def test_epoch_starts_once_even_if_resumed_inside_it(make):
    cfg = make()
    cfg.default_hooks.checkpoint.update(interval=2, by_epoch=False)
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert len(runner.train_dataloader) == 4  # so iter_6 is inside epoch 2
    cfg = make()
    cfg.work_dir += '_resumed'
    cfg.resume, cfg.load_from = True, f'{runner.work_dir}/iter_6.pth'
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.model.told == ['frozen', 'end']


def test_missing_parts_are_named(make):
    cfg = make()
    cfg.custom_hooks.pop(0)
    with pytest.raises(ValueError, match='ZeroShotLabelHook'):
        Runner.from_cfg(cfg).train()
    with pytest.raises(ValueError, match='neither set_frozen nor fit'):
        Runner.from_cfg(make(model='mmlatte.ZeroShotCLIP')).train()
