"""A complete small run: real tools on tiny CLIP, data and texts."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]

CONFIG = """
_base_ = [{base!r}]
class_names = ['forest', 'highway or road', 'sea or lake']
tail = _base_.train_pipeline[-2:]  # LoadTexts, PackInputs
train_pipeline = [
    dict(type='mmlatte.DropLabels'),
    dict(type='mmlatte.SeedPerSample'),
    dict(type='mmlatte.LoadImage'),
    dict(type='mmpretrain.RandomResizedCrop', scale=32, backend='pillow'),
    *tail,
]
test_pipeline = [
    dict(type='mmlatte.LoadImage'),
    dict(type='mmpretrain.ResizeEdge', scale=32, edge='short',
         backend='pillow', interpolation='bicubic'),
    dict(type='mmpretrain.CenterCrop', crop_size=32),
    _base_.test_pipeline[-1],
]
data = dict(data_root={data_root!r}, metainfo=dict(classes=class_names),
            download=False)
model = dict(
    clip=dict(model_name={clip!r}, pretrained=None), class_names=class_names)
train_dataloader = dict(
    batch_size=6, num_workers=0, persistent_workers=False,
    dataset=dict(pipeline=train_pipeline, **data))
val_dataloader = dict(
    batch_size=8, num_workers=0, persistent_workers=False,
    dataset=dict(pipeline=test_pipeline, **data))
test_dataloader = val_dataloader
optim_wrapper = dict(optimizer=dict(lr=1e-3))
train_cfg = dict(max_epochs=2, val_interval=2)
param_scheduler = dict(end=2, warmup=1)
default_hooks = dict(
    logger=dict(interval=1),
    zero_shot_label=dict(cache_dir={cache!r}, num_workers=0),
    text_synth=dict(
        lmm=dict(_delete_=True, type='mmlatte.TextFile', path={texts!r}),
        store_dir={cache!r}))
"""
#: A method that fits frozen features, on the same data.
FIT_CONFIG = """
_base_ = ['./tiny.py']
model = dict(
    _delete_=True, type='mmlatte.{method}',
    clip=_base_.model.clip,
    class_names=_base_.class_names,
    data_preprocessor=_base_.model.data_preprocessor)
default_hooks = dict(
    _delete_=True, **{{k: v for k, v in _base_.default_hooks.items()
    if k not in ('text_synth', 'prototype_ema')}})
train_cfg = dict(_delete_=True, type='mmlatte.FitLoop')
param_scheduler = None
"""


@dataclass
class TinyRun:
    """A config in a folder of its own, and how to run the tools on it."""

    folder: Path
    config: Path
    texts: Path
    data_root: Path
    run_script: Callable[..., subprocess.CompletedProcess]

    def tool(self, name: str, *options: str, check: bool = True):
        """Run ``tools/<name>`` on the config as a user would."""
        done = self.run_script(
            REPO / 'tools' / name, self.config, *options, cwd=self.folder
        )
        if check and done.returncode:
            raise AssertionError(done.stdout[-4000:] + done.stderr[-4000:])
        return done

    def write_fit(self, name: str, method: str) -> Path:
        """Write a child config that fits a method."""
        path = self.folder / name
        path.write_text(FIT_CONFIG.format(method=method))
        return path

    @property
    def work_dir(self) -> Path:
        return self.folder / 'work_dirs' / 'tiny'

    @property
    def summary(self) -> dict:
        return json.loads((self.work_dir / 'summary.json').read_text())


def write_texts(path: Path, split: dict) -> None:
    """An image and a group text for every training image."""
    with path.open('w') as file:
        for sample_id, _, _ in split['train'] + split['val']:
            number = sample_id.rsplit('_', 1)[1].split('.')[0]
            for kind, text in (
                ('image', f'an image with number {number}'),
                ('group', f'images like number {number} and others'),
            ):
                line = dict(sample_id=sample_id, kind=kind, text=text)
                file.write(json.dumps(line) + '\n')


@pytest.fixture
def make_tiny_run(tmp_path, tiny_clip_dir, tiny_eurosat, run_script):
    """Factory of `TinyRun`, by name and data root."""

    def make(name: str = 'run', data_root: Path = tiny_eurosat) -> TinyRun:
        folder = tmp_path / name
        folder.mkdir()
        split = json.loads((data_root / 'split_zhou_EuroSAT.json').read_text())
        texts = tmp_path / 'texts.jsonl'
        if not texts.exists():
            write_texts(texts, split)
        config = folder / 'tiny.py'
        config.write_text(
            CONFIG.format(
                base=str(REPO / 'configs' / 'latteclip_vitb32_eurosat.py'),
                data_root=str(data_root),
                clip=f'local-dir:{tiny_clip_dir}',
                cache=str(folder / 'cache'),
                texts=str(texts),
            )
        )
        return TinyRun(folder, config, texts, data_root, run_script)

    return make
