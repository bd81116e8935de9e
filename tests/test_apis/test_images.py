"""Images of any kind, from a folder to predictions and the export."""

import csv
import importlib
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from mmengine.config import Config
from PIL import Image

from mmlatte.apis import Inferencer, adapt, preflight, skip_unreadable
from mmlatte.apis.images import find_unreadable, open_folder
from mmlatte.decode_image import DecodeOptions, DecodeOptionsError
from mmlatte.engine.frozen import UnreadableImagesError
from mmlatte.registry import DATASETS

PLAIN = DecodeOptions()
CLASSES = ['forest', 'road', 'sea']


@pytest.fixture(scope='module')
def sentinel(tiny_eurosat, tmp_path_factory) -> Path:
    """Five bands of 12 bits in 16: blue, green, red and others."""
    folder = tmp_path_factory.mktemp('sentinel') / 'images'
    folder.mkdir()
    for path in sorted((tiny_eurosat / '2750').rglob('*.jpg')):
        rgb = np.asarray(Image.open(path)).astype(np.uint16)
        bands = np.zeros((64, 64, 5), np.uint16)
        bands[..., 1:4] = rgb[..., ::-1] * 16
        bands[..., 0] = 4000
        tifffile.imwrite(
            folder / f'{path.stem}.tif',
            bands,
            photometric='minisblack',
            planarconfig='contig',
        )
    for name in ('notes.txt', 'film.mp4', '.hidden', 'scan'):
        (folder / name).touch()
    return folder


def choices(folder, tiny_clip_dir, **more) -> dict:
    return dict(
        images=str(folder),
        classes=CLASSES,
        clip=f'local-dir:{tiny_clip_dir}',
        method='latteplus',
        device='cpu',
        workers=0,
        **more,
    )


@pytest.fixture(scope='module')
def adapted(sentinel, tiny_clip_dir, tmp_path_factory):
    torch.set_num_threads(1)
    for n in range(2):
        (sentinel / f'broken_{n}.tif').write_bytes(b'II*\0')
    out = tmp_path_factory.mktemp('adapted') / 'out'
    given = choices(
        sentinel, tiny_clip_dir, bands=[4, 3, 2], skip_unreadable=True
    )
    return adapt(out=str(out), **given), given


def test_the_plan_tells_what_was_found(adapted, sentinel):
    plan = str(adapted[0].plan)
    assert 'images      24\n' in plan
    for part in (
        '1 .mp4 (video)',
        '1 .txt (no image)',
        '1 hidden (name begins with a dot)',
        '1 without ending (kind not known',
        '2 unreadable (see unreadable.csv)',
        'bands 4 3 2; values ',
        'are black to white, measured on 24 images',
    ):
        assert part in plan
    rows = list(
        csv.DictReader((adapted[0].run.parent / 'unreadable.csv').open())
    )
    assert [r['image'] for r in rows] == ['broken_0.tif', 'broken_1.tif']
    assert all(r['reason'] for r in rows)


def test_range_bands_and_skipping_travel_with_the_model(
    adapted, sentinel, tmp_path, monkeypatch
):
    result = adapted[0]
    inferencer = Inferencer(str(result.run), device='cpu')
    low, high = inferencer.pipeline[0].options.range
    assert 0 <= low < 800 and 2000 < high <= 4095
    assert inferencer.pipeline[0].options.bands == (4, 3, 2)
    assert inferencer.config.skip_unreadable

    for where in (
        (result.exports['open_clip'] / 'README.md').read_text(),
        result.report.read_text(),
    ):
        assert f'{low:g} to {high:g}' in where
        assert '4 3 2' in where and '2 unreadable images' in where
    about = json.loads(
        (result.exports['open_clip'] / 'classifier.json').read_text()
    )['preprocessing']
    assert about['range'] == [low, high] and about['bands'] == [4, 3, 2]

    # New files, the options not given again.
    table = tmp_path / 'new.csv'
    words = ['predict.py', result.run, sentinel, '--out', table]
    words += ['--workers', '0', '--device', 'cpu']
    monkeypatch.setattr(sys, 'argv', [str(word) for word in words])
    runpy.run_path('tools/predict.py', run_name='__main__')
    rows = list(csv.DictReader(table.open()))
    before = list(csv.DictReader(result.predictions.open()))
    assert [(r['image'], r['class']) for r in rows] == [
        (r['image'], r['class']) for r in before
    ]
    assert len(rows) == 24
    left = list(csv.DictReader((tmp_path / 'unreadable.csv').open()))
    assert len(left) == 2


def test_the_pixels_are_those_of_the_range(adapted, sentinel, tiny_eurosat):
    inferencer = Inferencer(str(adapted[0].run), device='cpu')
    load = inferencer.pipeline[0]
    low, high = load.options.range
    found = load.load(str(sentinel / 'Forest_1.tif'))[..., ::-1]
    rgb = np.asarray(Image.open(tiny_eurosat / '2750/Forest/Forest_1.jpg'))
    expected = (rgb * 16.0 - low) / (high - low) * 255
    np.testing.assert_allclose(found, expected.clip(0, 255), atol=0.51)


def test_again_nothing_is_repeated(adapted, monkeypatch):
    result, given = adapted
    monkeypatch.setattr(
        'mmlatte.apis.images.unreadable.find_unreadable',
        lambda *_: pytest.fail('reads all images again'),
    )
    again = adapt(out=str(result.run.parent), **given)
    assert again.plan is None


def test_without_the_option_files_and_option_are_named(
    sentinel, tiny_clip_dir, tmp_path
):
    given = choices(sentinel, tiny_clip_dir, bands=[4, 3, 2], export=())
    (sentinel / 'broken_0.tif').write_bytes(b'II*\0')
    message = r'(?s)broken_0\.tif: .*--skip-unreadable'
    with pytest.raises(UnreadableImagesError, match=message):
        adapt(out=str(tmp_path / 'out'), **given)


def test_bands_must_be_chosen(sentinel, tiny_clip_dir, tmp_path):
    given = choices(sentinel, tiny_clip_dir)
    with pytest.raises(DecodeOptionsError, match=r'\.tif.*it has 5 bands'):
        adapt(out=str(tmp_path / 'out'), **given)
    assert not (tmp_path / 'out').exists()


def test_a_range_that_makes_no_sense(sentinel, tiny_clip_dir, tmp_path):
    given = choices(sentinel, tiny_clip_dir, range=(9, 9))
    with pytest.raises(ValueError, match='becomes black'):
        adapt(out=str(tmp_path / 'out'), **given)


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / 'photos'
    folder.mkdir()
    for n in range(4):
        Image.new('RGB', (9, 9), (50 * n, 90, 9)).save(folder / f'{n}.png')
    (folder / 'cut.png').write_bytes((folder / '0.png').read_bytes()[:45])
    (folder / 'empty.jfif').touch()
    return folder


@pytest.mark.parametrize('workers', [0, 1])
def test_unreadable_images_are_found(photos, workers):
    paths = sorted(map(str, photos.iterdir()))
    found = find_unreadable(paths, PLAIN, workers)
    assert [Path(paths[i]).name for i in found] == ['cut.png', 'empty.jfif']
    assert 'cannot identify' in found[5]
    with pytest.raises(ValueError, match=r'no image can be read; .*cut\.png'):
        find_unreadable(paths[4:], PLAIN)


def test_repaired_files_are_taken(photos, tmp_path):
    def open_it():
        return open_folder(str(photos), CLASSES, PLAIN, True, tmp_path / 'o')

    found = open_it()
    assert len(found.dataset) == 4 and len(open_it().dataset) == 4
    Image.new('RGB', (9, 9)).save(photos / 'cut.png')
    found = open_it()
    assert len(found.dataset) == 5
    assert found.left_out['unreadable', 'see unreadable.csv'] == 1


def test_without_a_folder_nothing_is_written(photos, tmp_path):
    found = open_folder(str(photos), CLASSES, PLAIN, skip_unreadable=True)
    assert sorted(found.leave_out) == ['cut.png', 'empty.jfif']
    assert len(found.dataset) == 4
    assert [p.name for p in tmp_path.iterdir()] == ['photos']


def test_a_config_leaves_them_out(photos, tmp_path):
    part = dict(
        num_workers=0,
        dataset=dict(
            type='mmlatte.UnlabeledFolder',
            data_root=str(photos),
            classes=CLASSES,
            pipeline=[dict(type='mmlatte.LoadImage')],
        ),
    )
    cfg = Config(
        dict(
            train_dataloader=part,
            val_dataloader=part,
            work_dir=str(tmp_path / 'run'),
        )
    )
    skip_unreadable(cfg)
    names = [p.name for p in (tmp_path / 'run').iterdir()]
    assert sorted(names) == ['unreadable.csv', 'unreadable.json']
    for part in (cfg.train_dataloader, cfg.val_dataloader):
        dataset = DATASETS.build(part.dataset)
        assert len(dataset) == 4
        assert all(dataset[i]['img'].shape == (9, 9, 3) for i in range(4))


def test_a_list_that_is_not_there(photos):
    with pytest.raises(FileNotFoundError, match=r"leave_out='no\.csv'"):
        DATASETS.build(
            dict(
                type='mmlatte.UnlabeledFolder',
                data_root=str(photos),
                classes=CLASSES,
                leave_out='no.csv',
            )
        )


def test_a_config_is_warned_of_dark_images(tmp_path, monkeypatch):
    """Twelve bits in sixteen, and no range in the pipeline."""
    images = tmp_path / 'images'
    images.mkdir()
    values = np.linspace(0, 4095, 4096).reshape(64, 64).astype(np.uint16)
    tifffile.imwrite(images / 'x.tif', values)
    found = []
    monkeypatch.setattr(
        importlib.import_module('mmlatte.apis.preflight'),
        'print_log',
        lambda message, *_, **__: found.append(message),
    )
    load = dict(type='mmlatte.LoadImage')
    dataset = dict(
        type='mmlatte.UnlabeledFolder',
        data_root=str(images),
        classes=CLASSES,
        pipeline=[load],
    )
    cfg = Config(dict(model={}, train_dataloader=dict(dataset=dataset)))
    preflight(cfg)
    assert len(found) == 1 and 'set range=(4, 4091)' in found[0]
    load['range'] = (0, 4095)
    preflight(Config(dict(model={}, train_dataloader=dict(dataset=dataset))))
    load['range'] = (0, 65535)
    preflight(Config(dict(model={}, train_dataloader=dict(dataset=dataset))))
    assert len(found) == 2 and '1 of 1 are nearly black' in found[1]


def test_a_folder_without_unreadable_images(photos, tmp_path):
    for name in ('cut.png', 'empty.jfif'):
        (photos / name).unlink()
    found = open_folder(str(photos), CLASSES, PLAIN, True, tmp_path / 'o')
    assert len(found.dataset) == 4 and not found.left_out
    table = (tmp_path / 'o' / 'unreadable.csv').read_text()
    assert table.split() == ['image,reason']
