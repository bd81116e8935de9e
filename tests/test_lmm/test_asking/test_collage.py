import numpy as np
import pytest
from PIL import Image

from mmlatte.lmm import GroupOptions, make_collage


def pixels(image):
    return np.asarray(image).astype(int)


def test_published_layout():
    colours = ['red', 'lime', 'blue', 'white']
    images = [Image.new('RGB', (64, 64), c) for c in colours]
    canvas = pixels(make_collage(images, GroupOptions()))
    assert canvas.shape == (672, 672, 3)
    # (672 - 20) / 2 = 326 pixels a cell, 20 black pixels between.
    for row, column, colour in [
        (0, 0, (255, 0, 0)),
        (0, 346, (0, 255, 0)),
        (346, 0, (0, 0, 255)),
        (346, 346, (255, 255, 255)),
    ]:
        cell = canvas[row : row + 326, column : column + 326]
        assert (cell == colour).all()
    assert (canvas[326:346] == 0).all()
    assert (canvas[:, 326:346] == 0).all()


def test_aspect_is_kept_and_the_image_centred():
    wide = Image.new('RGB', (200, 50), 'red')
    tall = Image.new('RGB', (10, 100), 'lime')
    canvas = pixels(make_collage([wide, tall], GroupOptions()))
    cell = canvas[:326, :326]
    rows = np.flatnonzero((cell == (255, 0, 0)).all(axis=2).all(axis=1))
    assert (rows[0], rows[-1]) == (122, 202)  # 81 of 326 rows
    cell = canvas[:326, 346:]
    columns = np.flatnonzero((cell == (0, 255, 0)).all(axis=2).all(axis=0))
    assert (columns[0], columns[-1]) == (147, 178)  # 32 of 326 columns
    assert (canvas[346:] == 0).all()


def test_resizing_is_lanczos():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3))
    image = Image.fromarray(noise.astype(np.uint8))
    expected = image.resize((326, 326), Image.Resampling.LANCZOS)
    canvas = pixels(make_collage([image], GroupOptions()))
    assert (canvas[:326, :326] == pixels(expected)).all()


def test_options():
    options = GroupOptions(size=3, grid=(3, 1), canvas=(100, 40), gap=5)
    images = [Image.new('L', (1, 1000), 255)] * 3
    canvas = pixels(make_collage(images, options))
    assert canvas.shape == (40, 100, 3)
    # Three cells of 30; an extreme image is still one pixel wide.
    columns = np.flatnonzero(canvas.any(axis=(0, 2)))
    assert columns.tolist() == [14, 49, 84]


def test_too_many_images():
    image = Image.new('RGB', (8, 8))
    with pytest.raises(ValueError, match='5 images'):
        make_collage([image] * 5, GroupOptions())
