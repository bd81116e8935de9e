import copy
import json

import numpy as np
import open_clip
import pytest
import torch
from mmengine.dataset import Compose
from mmengine.runner import Runner

from mmlatte.datasets.clip_pipeline import clip_eval_pipeline
from mmlatte.engine.find_hook import find_hook
from mmlatte.engine.hooks import ZeroShotLabelHook
from mmlatte.models import PrototypeClassifier
from mmlatte.models.sample_rows import labels_of
from mmlatte.registry import MODELS


@MODELS.register_module()
class RecordingClassifier(PrototypeClassifier):
    """Trains on its logits' mean and writes down what it is told."""

    needs_frozen = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.told = []

    def forget_images(self):
        self.told.append('forget')

    def set_frozen(self, frozen):
        self.frozen = frozen
        self.told.append('frozen')

    def start_epoch(self, epoch, max_epochs):
        self.told.append(('start', epoch, max_epochs))

    def end_epoch(self):
        self.told.append('end')

    def loss(self, inputs, data_samples):
        labels = labels_of(self.frozen, data_samples)
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
    assert model.told[:2] == ['forget', 'frozen']
    assert model.told[2:] == [start, end, ('start', 1, 2), end]
    found = find_hook(runner, ZeroShotLabelHook).found
    assert np.array_equal(model.frozen.labels, found.labels)
    assert np.array_equal(model.frozen.rows(), found.features)
    assert np.array_equal(model.frozen.class_features, found.class_features)


@pytest.mark.parametrize('fact', ['kept_zero_shot', 'is_fitted'])
def test_a_model_that_needs_no_training_gets_none(make, monkeypatch, fact):
    monkeypatch.setattr(RecordingClassifier, fact, True)
    runner = Runner.from_cfg(make())
    before = copy.deepcopy(runner.model.clip.state_dict())
    runner.train()
    assert runner.model.told == ['forget', 'frozen']
    assert runner.iter == 0
    for name, value in runner.model.clip.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_epoch_starts_once_even_if_resumed_inside_it(make):
    cfg = make()
    cfg.default_hooks.checkpoint.update(interval=2, by_epoch=False)
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert len(runner.train_dataloader) == 4  # so iter_6 is inside epoch 2
    checkpoint = f'{runner.work_dir}/iter_6.pth'
    cfg = make()
    cfg.work_dir += '_resumed'
    cfg.resume, cfg.load_from = True, checkpoint
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.model.told == ['frozen', 'end']
    # As a start, a checkpoint holds other images.
    cfg = make()
    cfg.work_dir += '_started'
    cfg.load_from = checkpoint
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.model.told[:2] == ['forget', 'frozen']


def test_missing_parts_are_named(make):
    cfg = make()
    cfg.custom_hooks.pop(0)
    with pytest.raises(ValueError, match='ZeroShotLabelHook'):
        Runner.from_cfg(cfg).train()
    with pytest.raises(ValueError, match='uses no frozen features'):
        Runner.from_cfg(make(model='mmlatte.ZeroShotCLIP')).train()


def test_answers_are_for_methods_that_take_them(make):
    cfg = make()
    cfg.custom_hooks[1].answers = 'a.csv'
    with pytest.raises(
        ValueError, match=r"answers='a\.csv', but Rec.* takes no answers"
    ):
        Runner.from_cfg(cfg).train()


@pytest.fixture
def larger_clip_dir(tiny_clip_dir, tmp_path):
    """Another CLIP: wider, for larger images, with other pixel statistics."""
    config = json.loads((tiny_clip_dir / 'open_clip_config.json').read_text())
    config['model_cfg']['embed_dim'] = 24
    config['model_cfg']['vision_cfg']['image_size'] = 48
    config['preprocess_cfg'].update(mean=[0.5, 0.4, 0.3], std=[0.5, 0.6, 0.7])
    folder = tmp_path / 'larger_clip'
    folder.mkdir()
    torch.manual_seed(3)
    model = open_clip.CLIP(**config['model_cfg'])
    torch.save(model.state_dict(), folder / 'open_clip_pytorch_model.bin')
    (folder / 'open_clip_config.json').write_text(json.dumps(config))
    return folder


@torch.no_grad()
def test_teacher_sees_the_same_images_in_its_own_way(
    make, larger_clip_dir, tmp_path
):
    cfg = make()
    name = f'local-dir:{larger_clip_dir}'
    clip = dict(type='mmlatte.OpenCLIP', model_name=name)
    cfg.custom_hooks[1].teacher = dict(clip=clip)
    runner = Runner.from_cfg(cfg)
    with torch.enable_grad():
        runner.train()
    frozen = runner.model.frozen
    teacher = frozen.teacher
    assert len(list((tmp_path / 'cache').glob('features-*'))) == 2
    assert teacher.features.shape == (15, 24)
    assert frozen.features.shape == (15, 16) and frozen.teacher.teacher is None

    model = open_clip.create_model(name).eval()
    tokens = open_clip.get_tokenizer(name)(
        [f'a photo of a {c}.' for c in runner.model.class_names]
    )
    texts = torch.nn.functional.normalize(model.encode_text(tokens), dim=1)
    dataset = copy.copy(runner.train_dataloader.dataset)
    facts = dict(interpolation='bicubic', resize_mode='shortest')
    dataset.pipeline = Compose(clip_eval_pipeline((48, 48), facts))
    mean = torch.tensor([0.5, 0.4, 0.3]).reshape(3, 1, 1)
    std = torch.tensor([0.5, 0.6, 0.7]).reshape(3, 1, 1)
    confidences = teacher.confidences()
    for i in range(15):
        pixels = dataset[i]['inputs'].flip(0) / 255  # BGR
        feature = model.encode_image(((pixels - mean) / std).unsqueeze(0))[0]
        feature = feature / feature.norm()
        assert np.allclose(teacher.features[i], feature, atol=1e-5)
        p = (model.logit_scale.exp() * texts @ feature).softmax(dim=0)
        assert teacher.labels[i] == int(p.argmax())
        assert float(confidences[i]) == pytest.approx(float(p.max()), abs=1e-4)


def test_teacher_of_the_same_weights_computes_no_features(make, tmp_path):
    cfg = make()
    sentences = {'Forest': ['trees'], 'highway': ['cars'], 'sea': ['water']}
    cfg.custom_hooks[1].teacher = dict(
        clip=cfg.model.clip, descriptions=sentences
    )
    runner = Runner.from_cfg(cfg)
    runner.train()
    frozen, model = runner.model.frozen, runner.model
    assert len(list((tmp_path / 'cache').glob('features-*'))) == 1
    assert np.array_equal(frozen.features, frozen.teacher.features)
    assert not np.allclose(
        frozen.class_features, frozen.teacher.class_features
    )
    # Its sentences are those of a language model; the class is not changed.
    assert model.uses_lmm and not type(model).uses_lmm


def test_teacher_of_other_classes_is_refused(make):
    cfg = make()
    cfg.custom_hooks[1].teacher = dict(
        clip=cfg.model.clip, class_names=['sea', 'forest', 'highway']
    )
    with pytest.raises(ValueError, match='other classes'):
        Runner.from_cfg(cfg).train()
