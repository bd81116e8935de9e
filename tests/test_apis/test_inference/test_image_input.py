import io

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from mmlatte.apis import Inferencer
from mmlatte.apis.inference.image_input import image_to_bgr, list_inputs
from mmlatte.datasets.transforms import LoadImage

RGB = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
GREY = RGB[..., 0]
CLEAR = np.dstack([RGB, np.full_like(GREY, 255)])
CLEAR[:5, :, 3] = 0
BLENDED = RGB.copy()
BLENDED[:5] = 255
GREYS = np.repeat(GREY[..., None], 3, axis=2)


def png(pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, 'png')
    return file.getvalue()


def chw(pixels) -> torch.Tensor:
    return torch.from_numpy(np.moveaxis(pixels, -1, 0).copy())


KINDS = {
    'bytes': (png(RGB), RGB),
    'open file': (io.BytesIO(png(RGB)), RGB),
    'PIL': (Image.fromarray(RGB), RGB),
    'PIL grey': (Image.fromarray(GREY), GREYS),
    'PIL RGBA': (Image.fromarray(CLEAR), BLENDED),
    'PIL 16 bit': (Image.fromarray(GREY.astype(np.uint16) * 257), GREYS),
    'BGR': (RGB[..., ::-1], RGB),
    'BGRA': (CLEAR[..., [2, 1, 0, 3]], BLENDED),
    'HW': (GREY, GREYS),
    'HW1': (GREY[..., None], GREYS),
    'uint16': (RGB[..., ::-1].astype(np.uint16) * 257, RGB),
    'float64': (RGB[..., ::-1] / 255, RGB),
    'float32': ((GREY / 255).astype(np.float32), GREYS),
    'float BGRA': (CLEAR[..., [2, 1, 0, 3]] / 255, BLENDED),
    'CHW': (chw(RGB), RGB),
    '1HW': (chw(GREY[..., None]), GREYS),
    '4HW': (chw(CLEAR), BLENDED),
    'tensor HW': (torch.from_numpy(GREY), GREYS),
    'fractions': (chw(RGB).float() / 255, RGB),
}


@pytest.mark.parametrize('kind', KINDS)
def test_kinds_of_images_in_memory(kind):
    given, expected = KINDS[kind]
    (item,) = list_inputs(given)
    found = image_to_bgr(item, LoadImage())
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[..., ::-1], expected)


def test_lists_batches_and_folders(tmp_path):
    (tmp_path / 'a.png').write_bytes(png(RGB))
    (tmp_path / 'b.txt').touch()
    batch = torch.stack([chw(RGB), chw(BLENDED)])
    items = list_inputs([tmp_path, [GREY, png(RGB)], batch])
    assert items[0] == str(tmp_path / 'a.png')
    assert len(items) == 5 and torch.equal(items[4], chw(BLENDED))


def test_a_turned_photo_in_memory():
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, 'png', exif=exif)
    (item,) = list_inputs(Image.open(file))
    found = image_to_bgr(item, LoadImage())
    np.testing.assert_array_equal(found[..., ::-1], np.rot90(RGB, -1))


def test_range_and_bands_of_the_model():
    values = np.dstack([RGB[..., ::-1], GREY, GREY]).astype(np.uint16) * 16
    load = LoadImage(range=(0, 4080), bands=(3, 2, 1))
    found = image_to_bgr(values, load)
    np.testing.assert_array_equal(found[..., ::-1], RGB)
    signed = GREY.astype(np.int16) - 100
    found = image_to_bgr(signed, LoadImage(range=(-100, 155)))
    np.testing.assert_array_equal(found, GREYS)


@pytest.mark.parametrize(
    'given', [None, 3, {'image': GREY}, io.StringIO('text'), [['x.png', 3]]]
)
def test_other_kinds_are_refused(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'x.png').write_bytes(png(RGB))
    with pytest.raises(TypeError, match='an inferencer takes files, folders'):
        list_inputs(given)


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        (np.zeros((3, 40, 50), np.uint8), r'shape \(3, 40, 50\): an infer'),
        (torch.zeros(40, 50, 3), r'shape \(40, 50, 3\): an inferencer'),
        (np.zeros((4, 5, 2), np.uint8), r'shape \(4, 5, 2\)'),
        (np.zeros(7), r'shape \(7,\)'),
        (np.zeros((4, 5), bool), 'image of bool'),
        (np.full((4, 5), 200.0), r'float64.*--range LO HI'),
        (np.full((4, 5), 200), r'int64.*--range LO HI'),
    ],
)
def test_arrays_that_are_no_images(given, message):
    with pytest.raises(ValueError, match=message):
        image_to_bgr(given, LoadImage())


def test_all_kinds_get_the_class_of_the_file(tiny_run, tmp_path):
    """Through workers too; what cannot be read is a result."""
    inferencer = Inferencer(str(tiny_run), device='cpu')
    (tmp_path / 'a.png').write_bytes(png(RGB))
    expected = inferencer(tmp_path / 'a.png')[0]['pred_scores']
    opened = Image.open(tmp_path / 'a.png')
    given = [tmp_path, png(RGB), opened, RGB[..., ::-1], chw(RGB)]
    cut = io.BytesIO(png(RGB)[:900])
    for workers in (0, 2):
        found = inferencer([*given, cut, b'x'], num_workers=workers)
        cut.seek(0)
        assert [r.get('error', '') != '' for r in found] == [0] * 5 + [1, 1]
        for result in found[:5]:
            np.testing.assert_allclose(
                result['pred_scores'], expected, atol=1e-6
            )
        assert [r['img_path'] for r in found[1:]] == [1, 2, 3, 4, 5, 6]


def test_a_range_for_an_inferencer(tiny_run, tmp_path):
    deep = np.round(RGB * (4095 / 255)).astype(np.uint16)
    tifffile.imwrite(tmp_path / 'a.tif', deep, photometric='rgb')
    (tmp_path / 'a.png').write_bytes(png(RGB))
    inferencer = Inferencer(str(tiny_run), device='cpu', range=(0, 4095))
    found = inferencer([tmp_path / 'a.tif', tmp_path / 'a.png'])
    np.testing.assert_allclose(
        found[0]['pred_scores'], found[1]['pred_scores'], atol=1e-6
    )
