import io
import sys

import imagecodecs
import numpy as np
import pillow_heif
import pytest
from PIL import Image, PngImagePlugin, features

from mmlatte.decode_image import (
    DecodeOptions,
    DecodeOptionsError,
    MissingPackageError,
    decode_image,
)
from mmlatte.decode_image.formats.jpeg_xl_header import read_jpeg_xl_header
from mmlatte.decode_image.formats.pillow_file import load_upright


def deep(scene, bits=12) -> np.ndarray:
    return np.round(scene * ((2**bits - 1) / 255)).astype(np.uint16)


@pytest.mark.parametrize('channels', [1, 2, 3, 4])
def test_png_of_sixteen_bits(pixels, scene, channels):
    values = np.dstack([scene, np.full_like(scene[..., 0], 255)])
    bands = {1: [0], 2: [0, 3], 3: [0, 1, 2], 4: [0, 1, 2, 3]}[channels]
    values = deep(values[..., bands])
    if channels in (2, 4):
        values[..., -1] = 65535
        values[5, :, -1] = 0
    png = imagecodecs.png_encode(np.ascontiguousarray(values.squeeze()))
    found = pixels(png, range=(0, 4095))
    expected = np.repeat(scene[..., :1], 3, -1) if channels < 3 else scene
    if channels in (2, 4):
        assert (found[5] == 255).all()
        found, expected = np.delete(found, 5, 0), np.delete(expected, 5, 0)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize('bits', [8, 10, 12, 15, 16])
@pytest.mark.parametrize('channels', [1, 3])
def test_jpeg_2000_by_its_declared_bits(pixels, scene, bits, channels):
    values = deep(scene[..., :channels].squeeze(), bits)
    if bits == 8:
        values = values.astype(np.uint8)
    file = imagecodecs.jpeg2k_encode(
        np.ascontiguousarray(values), level=0, bitspersample=bits
    )
    found = pixels(file)
    expected = np.repeat(scene[..., :1], 3, -1) if channels == 1 else scene
    np.testing.assert_array_equal(found, expected)


def test_jpeg_2000_with_near_infrared(pixels, scene):
    values = deep(np.dstack([scene, scene[..., 0]]), 15)
    file = imagecodecs.jpeg2k_encode(values, level=0, bitspersample=15)
    found = pixels(file, bands=(1, 2, 3))
    np.testing.assert_array_equal(found, scene)


@pytest.mark.parametrize('channels', [1, 3])
def test_netpbm_of_more_than_eight_bits(pixels, scene, tmp_path, channels):
    values = deep(scene[..., :channels])
    kind = {1: 'P5', 3: 'P6'}[channels]
    expected = np.repeat(scene[..., :1], 3, -1) if channels == 1 else scene
    for maximum in (4095, 65535):
        file = f'{kind}\n50 40\n{maximum}\n'.encode()
        file += values.astype('>u2').tobytes()
        scale = dict(range=(0, 4095)) if maximum == 65535 else {}
        found = pixels(file, **scale)
        np.testing.assert_array_equal(found, expected)


def test_jpeg_xl(pixels, scene):
    for values, options in (
        (scene, {}),
        (deep(scene), dict(range=(0, 4095))),
    ):
        file = imagecodecs.jpegxl_encode(values, lossless=True)
        np.testing.assert_array_equal(pixels(file, **options), scene)


@pytest.mark.parametrize('bits', [8, 9, 10, 11, 12, 13, 14, 15, 16])
@pytest.mark.parametrize('channels', [1, 2, 3, 4])
def test_jpeg_xl_by_its_declared_bits(pixels, scene, bits, channels):
    values = np.dstack([scene, np.full_like(scene[..., 0], 255)])
    bands = {1: [0], 2: [0, 3], 3: [0, 1, 2], 4: [0, 1, 2, 3]}[channels]
    values = np.ascontiguousarray(deep(values[..., bands], bits).squeeze())
    if bits == 8:
        values = values.astype(np.uint8)
    file = imagecodecs.jpegxl_encode(values, lossless=True, bitspersample=bits)
    assert read_jpeg_xl_header(file).bits == bits
    expected = np.repeat(scene[..., :1], 3, -1) if channels < 3 else scene
    np.testing.assert_array_equal(pixels(file), expected)


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_the_first_frame_of_a_jpeg_xl(pixels, scene, channels, dtype):
    first = scene[..., :channels].astype(dtype) * (257 ** (dtype != np.uint8))
    film = np.stack([first, first[::-1], first // 2]).astype(dtype)
    film = film[..., 0] if channels == 1 else film
    file = imagecodecs.jpegxl_encode(film, lossless=True)
    expected = np.repeat(scene[..., :1], 3, -1) if channels == 1 else scene
    np.testing.assert_array_equal(pixels(file), expected)


def test_fractions_in_jpeg_xl(pixels, scene):
    file = imagecodecs.jpegxl_encode(
        (scene / 255).astype(np.float32), lossless=True
    )
    assert read_jpeg_xl_header(file).bits is None
    np.testing.assert_array_equal(pixels(file), scene)


def test_fractions_in_netpbm_have_no_range(pixels, scene):
    values = scene[..., 0].astype('<f4') / 255
    file = b'Pf\n50 40\n-1.0\n' + values[::-1].tobytes()
    with pytest.raises(DecodeOptionsError, match='give --range LO HI'):
        pixels(file)
    found = pixels(file, range=(0, 1))
    np.testing.assert_array_equal(found[..., 0], scene[..., 0])


@pytest.mark.parametrize('mode', ['I', 'I;16'])
def test_both_modes_of_a_grey_png_of_sixteen_bits(scene, mode):
    """Pillow names it I before 10.3."""
    image = Image.fromarray(deep(scene[..., 0], 16))
    image = image.convert(mode) if mode == 'I' else image
    image.format = 'PNG'
    raster = load_upright(image, 10**6, None)
    assert (image.mode, raster.full) == (mode, (0, 65535))
    np.testing.assert_array_equal(
        raster.values[..., 0], deep(scene, 16)[..., 0]
    )


@pytest.mark.parametrize(
    'size', [(8, 8), (40, 50), (256, 256), (480, 640), (33, 1000), (3000, 9)]
)
def test_size_of_a_jpeg_xl(size):
    file = imagecodecs.jpegxl_encode(np.zeros((*size, 3), np.uint8))
    header = read_jpeg_xl_header(file)
    assert (header.width, header.height, header.bits) == (*size[::-1], 8)
    with pytest.raises(ValueError, match='more than max_pixels=50'):
        decode_image(file, 50)


def test_heic_and_avif(pixels):
    image = Image.new('RGB', (64, 48), 'red')
    image.paste('blue', (0, 0, 32, 48))
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file)
    files = [file.getvalue()]
    if features.check('avif'):
        file = io.BytesIO()
        image.save(file, 'AVIF')
        files.append(file.getvalue())
    for content in files:
        found = pixels(content).astype(int)
        assert found.shape == (48, 64, 3)
        assert abs(found[20, 5] - (0, 0, 255)).max() < 12
        assert abs(found[20, 60] - (255, 0, 0)).max() < 12


def test_bands_of_a_plain_picture(pixels, scene):
    file = io.BytesIO()
    Image.fromarray(scene).save(file, 'png')
    found = pixels(file.getvalue(), bands=(3, 2, 1))
    np.testing.assert_array_equal(found, scene[..., ::-1])
    with pytest.raises(DecodeOptionsError, match='it has 3 bands'):
        pixels(file.getvalue(), bands=(4, 3, 2))


def test_a_range_is_not_for_eight_bits(pixels, scene):
    file = io.BytesIO()
    Image.fromarray(scene).save(file, 'png')
    found = pixels(file.getvalue(), range=(0, 4095))
    np.testing.assert_array_equal(found, scene)


def test_odd_exif_turns_the_pixels_all_the_same(pixels, scene):
    """Pillow cannot write back a value that does not fit its type."""
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x8769] = {0x9201: (1, 3), 0xA20E: (1, 3)}
    Image.fromarray(scene).save(file, 'jpeg', exif=exif, quality=95)
    content = bytearray(file.getvalue())
    # A short that is stored as text, and a rational with a zero below.
    at = content.find(b'\x01\x12\x00\x03', 0, 200)
    assert at > 0
    plain = pixels(bytes(content))
    assert plain.shape == (50, 40, 3)
    for kind in (1, 4, 8, 9):
        content[at + 3] = kind
        assert pixels(bytes(content)).shape in ((50, 40, 3), (40, 50, 3))


def test_exif_that_cannot_be_written_back(pixels, scene, monkeypatch):
    def fail(self, *_):
        raise ValueError('argument out of range')

    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.fromarray(scene).save(file, 'png', exif=exif)
    monkeypatch.setattr(Image.Exif, 'tobytes', fail)
    found = pixels(file.getvalue())
    np.testing.assert_array_equal(found, np.rot90(scene))


def test_the_guard_against_long_texts_stays(scene):
    note = PngImagePlugin.PngInfo()
    note.add_text('note', 'x' * 2_000_000, zip=True)
    file = io.BytesIO()
    Image.fromarray(scene).save(file, 'png', pnginfo=note)
    with pytest.raises(ValueError, match='too large'):
        decode_image(file.getvalue(), 10**6)


def test_sources(pixels, scene, tmp_path):
    path = tmp_path / 'x.png'
    Image.fromarray(scene).save(path)
    with path.open('rb') as file:
        for source in (path, str(path), path.read_bytes(), file):
            np.testing.assert_array_equal(pixels(source), scene)


@pytest.mark.parametrize('package', ['imagecodecs', 'pillow_heif'])
def test_a_missing_package_is_named(monkeypatch, package, scene):
    file = io.BytesIO()
    if package == 'imagecodecs':
        file.write(imagecodecs.png_encode(deep(scene)))
    else:
        pillow_heif.from_pillow(Image.fromarray(scene)).save(file)
    monkeypatch.setitem(sys.modules, package, None)
    name = package.replace('_', '-')
    message = rf"{name}, which is not installed.*'mmlatte\[images\]'"
    with pytest.raises(MissingPackageError, match=message):
        decode_image(file.getvalue(), 10**6)


def test_plain_tiffs_need_no_package(monkeypatch, pixels, scene, tmp_path):
    monkeypatch.setitem(sys.modules, 'tifffile', None)
    path = tmp_path / 'x.tif'
    Image.fromarray(scene).save(path)
    np.testing.assert_array_equal(pixels(path), scene)
    Image.fromarray(deep(scene)[..., 0]).save(path)
    with pytest.raises(MissingPackageError, match='tifffile, which is not'):
        pixels(path)
    Image.fromarray(scene).save(
        path, save_all=True, append_images=[Image.fromarray(scene)]
    )
    with pytest.raises(MissingPackageError, match='tifffile, which is not'):
        pixels(path)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(range=(5, 5)), 'becomes black'),
        (dict(range=(1, 2, 3)), 'becomes black'),
        (dict(bands=(1, 2)), 'or of one band'),
        (dict(bands=(0, 1, 2)), 'from 1'),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        DecodeOptions(**options)
