import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from mmlatte.apis import Inferencer, make_run_report
from mmlatte.apis.inference.load_classifier import frozen_config
from mmlatte.apis.pages.review_section import ReviewSection
from mmlatte.apis.pages.run_facts import read_scalars
from mmlatte.apis.pages.run_report import _section, _thumbnail
from mmlatte.decode_image import DecodeOptions


def test_accuracies_are_those_of_the_models(tiny_run, tmp_path):
    out = make_run_report(tiny_run, tmp_path / 'a.html', device='cpu')
    text = out.read_text(encoding='utf-8')
    adapted = Inferencer(str(tiny_run), device='cpu')
    frozen = Inferencer(frozen_config(adapted.config), device='cpu')
    dataset = adapted.config.test_dataloader.dataset
    split = json.loads(
        open(f'{dataset.data_root}/{dataset.split_file}').read()
    )['test']
    paths = [f'{dataset.data_root}/2750/{entry[0]}' for entry in split]
    truth = np.array([entry[1] for entry in split])
    for inferencer in (frozen, adapted):
        found = np.array([r['pred_label'] for r in inferencer(paths)])
        assert f'{100 * np.mean(found == truth):.2f} %' in text
    assert '9 of 9 test images' in text


def test_given_images_without_labels(tiny_run, tiny_eurosat, tmp_path):
    folder = tmp_path / 'images'
    folder.mkdir()
    good = tiny_eurosat / '2750/Forest/Forest_1.jpg'
    (folder / 'a.jpg').write_bytes(good.read_bytes())
    (folder / 'b.jpg').write_bytes(b'no image')
    out = make_run_report(
        tiny_run, tmp_path / 'b.html', images=str(folder), device='cpu'
    )
    text = out.read_text(encoding='utf-8')
    assert '1 of them could not be read' in text
    assert 'adapted accuracy' not in text
    (folder / 'a.jpg').unlink()
    with pytest.raises(RuntimeError, match='can be read'):
        make_run_report(tiny_run, images=str(folder), device='cpu')


def test_curves_of_a_resumed_and_killed_run(tmp_path):
    for name, lines in {
        '20260101_000000': ['{"loss": 3.0, "step": 1}', '{"loss": 2.0, "step'],
        '20260102_000000': [
            '{"loss": 2.5, "step": 1}',
            '{"loss": 1.0, "step": 2, "lr": 0.1}',
        ],
    }.items():
        folder = tmp_path / name / 'vis_data'
        folder.mkdir(parents=True)
        (folder / 'scalars.json').write_text('\n'.join(lines))
    curves = read_scalars(tmp_path)
    assert curves['loss'] == ([1, 2], [2.5, 1.0])
    assert curves['lr'] == ([2], [0.1])


def test_the_place_of_the_page_is_made_before_the_work(tiny_run, tmp_path):
    with pytest.raises(IsADirectoryError, match='name a file'):
        make_run_report('no_run', tmp_path)
    out = make_run_report(tiny_run, tmp_path / 'pages/a.html', device='cpu')
    assert out.is_file()
    with pytest.raises(FileNotFoundError, match='no_run'):
        make_run_report(tmp_path / 'no_run')
    assert not (tmp_path / 'no_run').exists()


def test_thumbnails_are_upright_and_never_the_end(tmp_path, monkeypatch):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    path = str(tmp_path / 'a.png')
    Image.new('RGBA', (400, 200), (255, 0, 0, 0)).save(path, exif=exif)
    data = _thumbnail(path, DecodeOptions()).partition('base64,')[2]
    shown = Image.open(io.BytesIO(base64.b64decode(data)))
    assert shown.size == (80, 160)
    assert min(shown.getpixel((40, 80))) > 250  # transparent: white
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 100)  # a bomb
    assert _thumbnail(path, DecodeOptions()) == ''


def test_images_to_review_are_shown_with_the_runs_range(tmp_path):
    path = str(tmp_path / 'a.png')
    Image.fromarray(np.full((64, 64), 300, np.uint16)).save(path)
    section = ReviewSection('unsure', 'all', [('a.png', path, [])])
    grey = []
    for options in (DecodeOptions(), DecodeOptions((0, 600))):
        [shown] = _section(section, 1, options).images
        data = shown.picture.partition('base64,')[2]
        pixels = Image.open(io.BytesIO(base64.b64decode(data)))
        grey.append(pixels.convert('L').getpixel((9, 9)))
    assert grey[0] < 10 and 120 < grey[1] < 135
