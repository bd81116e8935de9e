import numpy as np
import pytest
from PIL import Image

from mmlatte.datasets.transforms import LoadImage

RNG = np.random.default_rng(0)


def rgb(path, **kwargs) -> np.ndarray:
    """Load through the transform; return RGB."""
    return LoadImage(**kwargs).load(str(path))[..., ::-1]


def smooth(height, width) -> Image.Image:
    small = RNG.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.BICUBIC)


@pytest.mark.parametrize('mode', ['RGB', 'L', 'CMYK'])
def test_jpeg_pixels_are_pillows(tmp_path, mode):
    path = tmp_path / 'x.jpg'
    smooth(33, 47).convert(mode).save(path)
    results = LoadImage()({'img_path': str(path), 'sample_id': 'x.jpg'})
    expected = np.asarray(Image.open(path).convert('RGB'))
    np.testing.assert_array_equal(results['img'][..., ::-1], expected)
    assert results['img'].flags.c_contiguous
    assert results['img_shape'] == results['ori_shape'] == (33, 47)
    assert results['sample_id'] == 'x.jpg'


def test_exif_rotation(tmp_path):
    path = tmp_path / 'x.png'
    exif = Image.Exif()
    exif[0x0112] = 6  # The camera was turned: rotate by 90 clockwise.
    image = smooth(20, 30)
    image.save(path, exif=exif)
    np.testing.assert_array_equal(rgb(path), np.rot90(np.asarray(image), -1))


def test_transparency_shows_the_background(tmp_path):
    for mode in ('RGBA', 'LA'):
        image = Image.new('RGBA', (4, 4), (0, 0, 0, 0)).convert(mode)
        image.save(tmp_path / 'x.png')
        assert (rgb(tmp_path / 'x.png') == 255).all()
    palette = Image.new('P', (4, 4), 0)
    palette.putpalette([10, 20, 30, 0, 0, 200])
    palette.putpixel((1, 0), 1)
    palette.save(tmp_path / 'x.gif', transparency=0)
    pixels = rgb(tmp_path / 'x.gif', background=(9, 8, 7))
    assert pixels[0, 1].tolist() == [0, 0, 200]
    assert pixels[0, 0].tolist() == [9, 8, 7]


def test_sixteen_bits_are_scaled(tmp_path):
    values = np.array([[0, 256, 32768, 65535]], dtype=np.uint16)
    for name in ('x.png', 'x.tif'):
        Image.fromarray(values).save(tmp_path / name)
        pixels = rgb(tmp_path / name)
        assert pixels[0, :, 0].tolist() == [0, 1, 128, 255]
        assert (pixels[..., 0] == pixels[..., 2]).all()


def test_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new('RGB', (5, 5), c) for c in ('red', 'blue')]
    for name in ('x.gif', 'x.png', 'x.webp'):
        frames[0].save(
            tmp_path / name,
            save_all=True,
            append_images=frames[1:],
            lossless=True,
        )
        assert (rgb(tmp_path / name) == (255, 0, 0)).all(), name


def test_bad_files_are_named(tmp_path):
    good = tmp_path / 'good.jpg'
    smooth(64, 64).save(good)
    cut = tmp_path / 'cut.jpg'
    cut.write_bytes(good.read_bytes()[:500])
    text = tmp_path / 'text.jpg'
    text.write_text('no image')
    empty = tmp_path / 'empty.jpg'
    empty.touch()
    for path in (cut, text, empty):
        with pytest.raises(RuntimeError, match=path.name):
            rgb(path)
    with pytest.raises(FileNotFoundError, match=r'none\.jpg'):
        rgb(tmp_path / 'none.jpg')


def test_large_jpegs_shrink_and_others_are_refused(tmp_path):
    image = smooth(400, 600)
    image.save(tmp_path / 'x.jpg')
    image.save(tmp_path / 'x.png')
    for limit in (239_999, 60_001, 60_000, 3_750):
        pixels = rgb(tmp_path / 'x.jpg', max_pixels=limit)
        assert limit / 4 <= pixels.shape[0] * pixels.shape[1] <= limit
    with pytest.raises(RuntimeError, match=r'600 x 400 .*max_pixels'):
        rgb(tmp_path / 'x.png', max_pixels=200_000)
    with pytest.raises(RuntimeError, match='75 x 50'):
        rgb(tmp_path / 'x.jpg', max_pixels=3_000)


def test_bomb(tmp_path):
    """A 20,000 x 20,000 file: PNG is refused, JPEG comes smaller."""
    image = Image.new('L', (20_000, 20_000))
    image.save(tmp_path / 'x.png')
    image.save(tmp_path / 'x.jpg')
    del image
    with pytest.raises(RuntimeError, match=r'x\.png.*decompression bomb'):
        rgb(tmp_path / 'x.png')
    assert rgb(tmp_path / 'x.jpg').shape == (5_000, 5_000, 3)


def test_draft_keeps_at_least_the_size(tmp_path):
    path = tmp_path / 'x.jpg'
    smooth(1000, 1500).save(path)
    assert rgb(path, draft_size=224).shape == (250, 375, 3)
    assert rgb(path, draft_size=251).shape == (500, 750, 3)
    assert rgb(path, draft_size=2000).shape == (1000, 1500, 3)
