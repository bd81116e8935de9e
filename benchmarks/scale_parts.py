"""The run that scale.py measures, and what an earlier one would have left."""

import argparse
import json
import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import open_clip
import torch
from mmcv.transforms import BaseTransform
from mmengine.config import Config
from mmengine.runner import Runner
from safetensors.torch import save_file
from scale import PROMPTS, TINY, WIDTH, names

from mmlatte.datasets.indexed_dataset import IndexedDataset
from mmlatte.datasets.sample_index import SampleIndex
from mmlatte.engine.frozen.zero_shot_labels import labels_file, write_labels
from mmlatte.engine.hooks import (
    LMMTextSynthHook,
    SampleSeedHook,
    ZeroShotLabelHook,
)
from mmlatte.lmm.store.store_file import connect_new
from mmlatte.registry import DATASETS, TRANSFORMS

CONFIGS = Path(__file__).resolve().parents[1] / 'configs' / '_base_'


@DATASETS.register_module()
class SimulatedImages(IndexedDataset):
    """Files that do not exist, a line for each in ``ann_file``."""

    def load_data_list(self) -> SampleIndex:
        with open(self.ann_file) as lines:
            return SampleIndex('/nowhere', (line[:-1] for line in lines))


@TRANSFORMS.register_module()
class SimulatedPixels(BaseTransform):
    """Noise in place of an image."""

    def transform(self, results: dict) -> dict:
        results['img'] = np.random.randint(0, 255, (32, 32, 3), np.uint8)
        results['img_shape'] = results['ori_shape'] = (32, 32)
        return results


def build_runner(args: argparse.Namespace, folder: Path) -> Runner:
    """A run of the shipped hooks and schedule."""
    runtime = Config.fromfile(CONFIGS / 'latteclip_runtime.py')
    schedule = Config.fromfile(CONFIGS / 'schedules' / 'latteclip.py')
    hooks = dict(runtime.default_hooks)
    for name in ('summary', 'checkpoint'):
        hooks.pop(name)
    hooks['zero_shot_label'].update(
        cache_dir=str(folder / 'cache'), pipeline=[], num_workers=0
    )
    del hooks['text_synth']['lmm']  # update() would merge
    hooks['text_synth'].update(
        lmm=dict(type='mmlatte.TextFile', path=str(folder / 'texts.jsonl')),
        store_dir=str(folder / 'cache'),
        image_prompt=PROMPTS[0],
        group_prompt=PROMPTS[1],
    )
    pack = dict(
        type='mmpretrain.PackInputs',
        algorithm_keys=(
            'zero_shot_label',
            'image_text',
            'group_text',
            'image_tokens',
            'group_tokens',
        ),
        meta_keys=('sample_id', 'sample_idx', 'img_path'),
    )
    pipeline = [
        dict(type='mmlatte.DropLabels'),
        dict(type='mmlatte.SeedPerSample'),
        dict(type='SimulatedPixels'),
        dict(type='mmlatte.LoadTexts'),
        pack,
    ]
    folder.mkdir(parents=True, exist_ok=True)
    texts = folder / 'texts.jsonl'
    if not texts.exists():  # its time is part of the store's name
        texts.touch()
    config = Config(
        dict(
            default_scope='mmlatte',
            work_dir=str(folder / 'run'),
            log_level='ERROR',
            randomness=dict(seed=0),
            model=dict(
                type='mmlatte.LatteCLIPClassifier',
                clip=dict(
                    type='mmlatte.OpenCLIP',
                    model_name=f'local-dir:{_tiny_clip(folder)}',
                ),
                class_names=[f'kind {i}' for i in range(args.classes)],
                data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3),
            ),
            default_hooks=hooks,
            train_dataloader=dict(
                num_workers=0,
                dataset=dict(
                    type='SimulatedImages',
                    ann_file=str(folder / 'names.txt'),
                    pipeline=pipeline,
                ),
                sampler=dict(type='DefaultSampler', shuffle=True),
                batch_sampler=dict(
                    type='mmlatte.GlobalBatchSampler', batch_size=args.batch
                ),
                collate_fn=dict(type='mmlatte.stack_samples'),
            ),
            train_cfg=schedule.train_cfg,
            optim_wrapper=schedule.optim_wrapper,
            env_cfg=runtime.env_cfg,
        )
    )
    return Runner.from_cfg(config)


def _tiny_clip(folder: Path) -> Path:
    path = folder / 'clip'
    if not path.exists():
        path.mkdir(parents=True)
        torch.manual_seed(0)
        state = open_clip.CLIP(**TINY).state_dict()
        save_file(
            {k: v.contiguous() for k, v in state.items()},
            str(path / 'open_clip_model.safetensors'),
        )
        half = [0.5] * 3
        config = dict(model_cfg=TINY, preprocess_cfg=dict(mean=half, std=half))
        (path / 'open_clip_config.json').write_text(json.dumps(config))
    return path


def hooks_of(runner: Runner) -> tuple[ZeroShotLabelHook, LMMTextSynthHook]:
    """The two hooks that prepare the data."""
    found = {type(hook): hook for hook in runner.hooks}
    return found[ZeroShotLabelHook], found[LMMTextSynthHook]


def in_child(function: Callable, *args) -> None:
    """Call a function in a fresh process."""
    context = multiprocessing.get_context('spawn')
    child = context.Process(target=function, args=args)
    child.start()
    child.join()
    if child.exitcode:
        raise RuntimeError(f'{function.__name__} failed')


def prepare(args: argparse.Namespace, folder: Path) -> None:
    """Leave features, zero-shot labels and texts, as a first run would."""
    runner = build_runner(args, folder)
    with open(folder / 'names.txt', 'w') as lines:
        lines.writelines(f'{name}\n' for name in names(args.samples))
    labels, texts = hooks_of(runner)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    model, dataset = runner.model, runner.train_loop.dataloader.dataset
    clip = model.clip.fingerprint()
    found = labels.frozen_pass.cache(model, dataset, clip)
    cache = found.data
    cache.mkdir(parents=True, exist_ok=True)
    np.save(cache / 'images.npy', found.images)
    np.lib.format.open_memmap(
        cache / 'features.npy', 'w+', np.float32, (args.samples, WIDTH)
    )
    classes = model.encode_classes().float().cpu().numpy()
    draw = np.random.default_rng(0)
    write_labels(
        cache / labels_file(classes),
        classes,
        draw.integers(0, args.classes, args.samples, np.int32),
        np.zeros(args.samples, np.float32),
    )
    labels.before_run(runner)
    job = texts.text_job(dataset, model.class_names, model.clip, labels.found)
    store = job.store
    keys = np.sort(job.wanted.keys().reshape(-1))
    store.folder.mkdir(parents=True, exist_ok=True)
    part = store.folder / 'made.part'
    db = connect_new(part)
    db.execute('PRAGMA synchronous=OFF')
    db.execute('BEGIN')
    text = 'a photo of a thing that an LMM has seen, with its surroundings'
    db.executemany(
        f"INSERT INTO texts VALUES(?,'','',0,0,'{text}',0,'','',0,1,0)",
        (
            (key,)
            for part in np.array_split(keys, 1000)
            for key in part.tolist()
        ),
    )
    db.execute('COMMIT')
    db.close()
    part.rename(part.with_suffix('.db'))


def train(runner: Runner, steps: int, stage: Callable) -> None:
    """Take steps with the real loop's batches."""
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    for hook in runner.hooks:
        if isinstance(hook, SampleSeedHook):
            hook.before_train(runner)
    runner.model.train()
    batches = iter(runner.train_loop.dataloader)
    _step(runner, next(batches))
    began = time.monotonic()
    with stage(f'{steps} steps'):
        for _ in range(steps):
            _step(runner, next(batches))
    seconds = time.monotonic() - began
    print(f'\n{1000 * seconds / steps:.1f} ms a step')


def _step(runner: Runner, batch: dict) -> None:
    runner.model.train_step(batch, runner.optim_wrapper)
