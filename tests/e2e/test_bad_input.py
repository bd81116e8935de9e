"""Bad input ends a run early, with an error that says what to do."""

import json
import shutil
from pathlib import Path

import pytest
from mmengine.config import Config

from mmlatte.apis import build_runner
from mmlatte.lmm import LMMUnavailableError


@pytest.fixture
def run_with(make_tiny_run, tiny_eurosat, tmp_path, monkeypatch):
    """Return a function that trains a changed tiny config in this process.

    ``change(cfg, root)`` may edit the config and a private copy of the data.
    """
    root = tmp_path / 'eurosat'
    shutil.copytree(tiny_eurosat, root)
    run = make_tiny_run('bad', root)

    def train(change) -> None:
        cfg = Config.fromfile(str(run.config))
        cfg.work_dir, cfg.launcher = str(tmp_path / 'work'), 'none'
        change(cfg, root)
        build_runner(cfg).train()

    monkeypatch.chdir(run.folder)
    return train


def no_root(cfg, root: Path) -> None:
    cfg.train_dataloader.dataset.data_root = str(root / 'absent')


def absent_images(cfg, root: Path) -> None:
    shutil.rmtree(root / '2750' / 'Forest')


def other_classes(cfg, root: Path) -> None:
    names = ['forest', 'motorway', 'sea or lake']
    cfg.train_dataloader.dataset.metainfo.classes = names


def unreadable_image(cfg, root: Path) -> None:
    (root / '2750' / 'SeaLake' / 'SeaLake_2.jpg').write_bytes(b'no image')
    (root / '2750' / 'Forest' / 'Forest_1.jpg').write_bytes(b'')


def unknown_clip(cfg, root: Path) -> None:
    cfg.model.clip.model_name = 'ViT-B-23'


def no_image_text_model(cfg, root: Path) -> None:
    folder = root / 'bert'
    folder.mkdir()
    (folder / 'config.json').write_text(json.dumps({'model_type': 'bert'}))
    lmm = dict(type='mmlatte.TransformersLMM', model=str(folder))
    cfg.default_hooks.text_synth.lmm = lmm


def empty_folder(cfg, root: Path) -> None:
    (root / 'empty').mkdir()
    dataset = cfg.train_dataloader.dataset
    cfg.train_dataloader.dataset = dict(
        type='mmlatte.UnlabeledFolder',
        data_root=str(root / 'empty'),
        classes=cfg.class_names,
        pipeline=dataset.pipeline,
    )


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (no_root, ['absent', '2750']),
        (absent_images, ['Forest/Forest_', '8', 'split_zhou_EuroSAT.json']),
        (other_classes, ['motorway', 'highway or road']),
        (unreadable_image, ['SeaLake_2.jpg', 'Forest_1.jpg']),
        (unknown_clip, ['ViT-B-23', 'ViT-B-32']),
        (no_image_text_model, ['bert', 'image-text']),
        (empty_folder, ['empty']),
    ],
    ids=lambda value: getattr(value, '__name__', ''),
)
def test_the_error_names_the_culprit(run_with, tmp_path, change, words):
    with pytest.raises((RuntimeError, ValueError, OSError)) as error:
        run_with(change)
    message = str(error.value)
    assert [word for word in words if word not in message] == [], message
    assert not list((tmp_path / 'work').glob('*.pth'))


def test_an_lmm_that_writes_nothing_stops_the_run(run_with, tmp_path):
    """Rather than training on class texts alone."""

    def no_text(cfg, root: Path) -> None:
        path = tmp_path / 'empty.jsonl'
        split = json.loads((root / 'split_zhou_EuroSAT.json').read_text())
        lines = [
            dict(sample_id=sample_id, kind=kind, text='')
            for sample_id, _, _ in split['train'] + split['val']
            for kind in ('image', 'group')
        ]
        path.write_text('\n'.join(map(json.dumps, lines)))
        lmm = dict(type='mmlatte.TextFile', path=str(path))
        cfg.default_hooks.text_synth.lmm = lmm

    with pytest.raises(LMMUnavailableError, match='none of its first 20'):
        run_with(no_text)
