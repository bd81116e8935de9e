"""A complete training run that takes seconds: tiny CLIP, tiny EuroSAT."""

import copy

import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.config import Config
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmengine.visualization import Visualizer

from mmlatte.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LabelByIndex(BaseTransform):
    """Stands for the texts: a zero-shot label without any LMM."""

    def transform(self, results: dict) -> dict:
        results['zero_shot_label'] = results['sample_idx'] % 3
        return results


@pytest.fixture(autouse=True)
def fresh_globals():
    yield
    for manager in (MMLogger, MessageHub, Visualizer, DefaultScope):
        manager._instance_dict.clear()


@pytest.fixture
def eval_pipeline() -> list[dict]:
    return [
        dict(type='mmlatte.LoadImage'),
        dict(
            type='mmpretrain.ResizeEdge',
            scale=32,
            edge='short',
            interpolation='bicubic',
            backend='pillow',
        ),
        dict(type='mmpretrain.CenterCrop', crop_size=32),
        dict(type='mmpretrain.PackInputs', meta_keys=('sample_id',)),
    ]


@pytest.fixture
def make_config(tiny_clip_dir, tiny_eurosat, eval_pipeline, tmp_path):
    """Return a function that makes a config; keywords are dotted keys."""

    def make(work_dir='run', **options) -> Config:
        train_pipeline = [
            dict(type='mmlatte.DropLabels'),
            dict(type='mmlatte.SeedPerSample'),
            dict(type='mmlatte.LoadImage'),
            dict(
                type='mmpretrain.RandomResizedCrop',
                scale=32,
                crop_ratio_range=(0.9, 1.0),
                backend='pillow',
            ),
            dict(type='LabelByIndex'),
            dict(
                type='mmpretrain.PackInputs',
                algorithm_keys=('zero_shot_label',),
                meta_keys=('sample_id', 'sample_idx'),
            ),
        ]

        def loader(split, pipeline, shuffle):
            return dict(
                batch_size=4,
                num_workers=0,
                dataset=dict(
                    type='mmlatte.CoOpSplitDataset',
                    data_root=str(tiny_eurosat),
                    split_file='split_zhou_EuroSAT.json',
                    image_folder='2750',
                    split=split,
                    pipeline=pipeline,
                ),
                sampler=dict(type='DefaultSampler', shuffle=shuffle),
                collate_fn=dict(type='default_collate'),
            )

        config = Config(
            dict(
                default_scope='mmlatte',
                work_dir=str(tmp_path / work_dir),
                model=dict(
                    type='mmlatte.LatteCLIPClassifier',
                    clip=dict(
                        type='mmlatte.OpenCLIP',
                        model_name=f'local-dir:{tiny_clip_dir}',
                    ),
                    class_names=['forest', 'highway', 'sea'],
                    texts=['class'],
                    data_preprocessor=dict(
                        mean=[122.77, 116.75, 104.09],
                        std=[68.5, 66.63, 70.32],
                        to_rgb=True,
                    ),
                ),
                train_dataloader=loader('train', train_pipeline, True),
                val_dataloader=loader('test', eval_pipeline, False),
                val_evaluator=dict(type='mmpretrain.Accuracy', topk=(1,)),
                train_cfg=dict(by_epoch=True, max_epochs=2, val_interval=1),
                val_cfg=dict(),
                optim_wrapper=dict(
                    type='OptimWrapper',
                    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.2),
                ),
                param_scheduler=dict(
                    type='mmlatte.WarmupCosineLR',
                    warmup=1,
                    end=2,
                    by_epoch=True,
                    convert_to_iter_based=True,
                ),
                default_hooks=dict(
                    runtime_info=dict(type='RuntimeInfoHook'),
                    timer=dict(type='IterTimerHook'),
                    logger=dict(type='LoggerHook', interval=1),
                    param_scheduler=dict(type='ParamSchedulerHook'),
                    checkpoint=dict(
                        type='mmlatte.SafeCheckpointHook', interval=1
                    ),
                    sampler_seed=dict(type='DistSamplerSeedHook'),
                ),
                custom_hooks=[
                    dict(type='mmlatte.SampleSeedHook'),
                    dict(type='mmlatte.PrototypeEMAHook'),
                ],
                randomness=dict(seed=0),
            )
        )
        config.merge_from_dict(copy.deepcopy(options))
        return config

    return make


@pytest.fixture
def train(make_config):
    """Return a function that trains a config and returns its runner."""

    def run(config=None, **options) -> Runner:
        torch.set_num_threads(1)
        runner = Runner.from_cfg(config or make_config(**options))
        runner.train()
        return runner

    return run
