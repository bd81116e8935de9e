import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from mmlatte.decode_image import DecodeOptionsError, decode_image

NAMES = """<GDALMetadata>
  <Item name="DESCRIPTION" sample="0" role="description">{}</Item>
  <Item name="DESCRIPTION" sample="1" role="description">{}</Item>
  <Item name="DESCRIPTION" sample="2" role="description">{}</Item>
  <Item name="DESCRIPTION" sample="3" role="description">nir</Item>
</GDALMetadata>"""


def deep(scene, bits=12) -> np.ndarray:
    top = 2**bits - 1
    return np.round(scene.astype(float) * top / 255).astype(np.uint16)


@pytest.mark.parametrize('planar', ['contig', 'separate'])
@pytest.mark.parametrize('compression', [None, 'lzw', 'zlib'])
@pytest.mark.parametrize('order', ['<', '>'])
def test_twelve_bits_in_sixteen(
    pixels, scene, tmp_path, planar, compression, order
):
    values = deep(scene)
    stored = np.moveaxis(values, -1, 0) if planar == 'separate' else values
    tifffile.imwrite(
        tmp_path / 'x.tif',
        stored,
        photometric='rgb',
        planarconfig=planar,
        compression=compression,
        byteorder=order,
    )
    found = pixels(tmp_path / 'x.tif', range=(0, 4095))
    np.testing.assert_array_equal(found, scene)
    dark = pixels(tmp_path / 'x.tif')
    np.testing.assert_array_equal(dark, np.round(values / 257))


def test_bits_that_the_file_declares(pixels, scene, tmp_path):
    tifffile.imwrite(
        tmp_path / 'x.tif', deep(scene), photometric='rgb', bitspersample=12
    )
    np.testing.assert_array_equal(pixels(tmp_path / 'x.tif'), scene)


@pytest.mark.parametrize('layout', ['contig', 'separate', 'pages', 'rows'])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_bands_tagged_minisblack(pixels, scene, tmp_path, layout, dtype):
    """Three are red, green, blue; of thirteen some must be chosen."""
    values = scene if dtype == np.uint8 else deep(scene)
    scale = {} if dtype == np.uint8 else dict(range=(0, 4095))

    def write(array, **more):
        if layout == 'separate':
            array = np.moveaxis(array, -1, 0)
        if layout == 'pages':
            for band in np.moveaxis(array, -1, 0):
                tifffile.imwrite(
                    tmp_path / 'x.tif', band, append=True, metadata=None
                )
            return
        if layout != 'rows':
            more['planarconfig'] = layout
        tifffile.imwrite(
            tmp_path / 'x.tif', array, photometric='minisblack', **more
        )

    write(values)
    np.testing.assert_array_equal(pixels(tmp_path / 'x.tif', **scale), scene)

    (tmp_path / 'x.tif').unlink()
    many = np.zeros((40, 50, 13), dtype)
    many[..., 3], many[..., 2], many[..., 1] = np.moveaxis(values, -1, 0)
    many[..., 7] = values[..., 0]
    write(many)
    with pytest.raises(DecodeOptionsError, match=r'13 bands.*--bands 4 3 2'):
        pixels(tmp_path / 'x.tif', **scale)
    found = pixels(tmp_path / 'x.tif', bands=(4, 3, 2), **scale)
    np.testing.assert_array_equal(found, scene)
    grey = pixels(tmp_path / 'x.tif', bands=(8,), **scale)
    np.testing.assert_array_equal(grey[..., 1], scene[..., 0])
    with pytest.raises(DecodeOptionsError, match='but it has 13 bands'):
        pixels(tmp_path / 'x.tif', bands=(14,), **scale)


@pytest.mark.parametrize(
    ('names', 'order'),
    [
        (('blue', 'Green', 'red'), [2, 1, 0]),
        (('B02', 'B03', 'B04'), [2, 1, 0]),
        (('r', 'b', 'g'), [0, 2, 1]),
    ],
)
def test_bands_go_by_their_names(pixels, scene, tmp_path, names, order):
    values = np.dstack([scene, scene[..., :1]])
    tifffile.imwrite(
        tmp_path / 'x.tif',
        values,
        photometric='minisblack',
        planarconfig='contig',
        extratags=[(42112, 's', 0, NAMES.format(*names), True)],
    )
    found = pixels(tmp_path / 'x.tif')
    np.testing.assert_array_equal(found, scene[..., order])


def test_an_error_names_the_bands(pixels, scene, tmp_path):
    tifffile.imwrite(
        tmp_path / 'x.tif',
        np.dstack([scene, scene[..., :1]]),
        photometric='minisblack',
        planarconfig='contig',
        extratags=[(42112, 's', 0, NAMES.format('B1', 'B2', 'B3'), True)],
    )
    with pytest.raises(DecodeOptionsError, match='1 B1, 2 B2, 3 B3, 4 nir'):
        pixels(tmp_path / 'x.tif')


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_near_infrared_is_no_opacity(pixels, scene, tmp_path, dtype):
    """Tifffile tags a fourth band as opacity unless told otherwise."""
    infrared = scene[..., 1]  # holds 0 and 255
    values = np.dstack([scene, infrared]).astype(dtype)
    scale = {}
    if dtype == np.uint16:
        values, scale = deep(values), dict(range=(0, 4095))
    tifffile.imwrite(tmp_path / 'x.tif', values, photometric='rgb')
    found = pixels(tmp_path / 'x.tif', **scale)
    np.testing.assert_array_equal(found, scene)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_a_cut_out_is_transparent(pixels, tmp_path, dtype):
    top = np.iinfo(dtype).max
    values = np.zeros((20, 30, 4), dtype)
    values[:10, :, 3] = top
    values[10, :, 3] = 0.2 * top
    tifffile.imwrite(tmp_path / 'x.tif', values, photometric='rgb')
    found = pixels(tmp_path / 'x.tif')[:, 0, 0]
    assert found.tolist() == [0] * 10 + [204] + [255] * 9


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('grey', [False, True])
def test_multiplied_opacity_is_not_multiplied_again(
    pixels, scene, tmp_path, dtype, grey
):
    top = np.iinfo(dtype).max
    colours = scene[..., :1] if grey else scene
    share = np.linspace(0, 1, scene.shape[0])[:, None, None]
    share = np.where(share < 0.3, 0, np.where(share > 0.6, 1, share))
    share = np.broadcast_to(share, (*scene.shape[:2], 1))
    stored = np.concatenate([colours / 255 * share, share], -1) * top
    tifffile.imwrite(
        tmp_path / 'x.tif',
        stored.round().astype(dtype),
        photometric='minisblack' if grey else 'rgb',
        extrasamples=['assocalpha'],
        planarconfig='contig',
    )
    found = pixels(tmp_path / 'x.tif').astype(float)
    expected = colours * share + 255 * (1 - share)
    assert abs(found - expected).max() <= 1
    clear, solid = share[..., 0] == 0, share[..., 0] == 1
    assert (found[clear] == 255).all()
    np.testing.assert_array_equal(
        found[solid], np.broadcast_to(colours, scene.shape)[solid]
    )


def test_multiplied_opacity_and_a_range(pixels, scene, tmp_path):
    """Black is not zero: it was multiplied, too."""
    share = np.ones((*scene.shape[:2], 1))
    share[:20], share[20:25] = 0, 0.5
    stored = np.concatenate([(1000 + scene * 10.0) * share, 65535 * share], -1)
    tifffile.imwrite(
        tmp_path / 'x.tif',
        stored.round().astype(np.uint16),
        photometric='rgb',
        extrasamples=['assocalpha'],
    )
    found = pixels(tmp_path / 'x.tif', range=(1000, 3550)).astype(float)
    assert abs(found - (scene * share + 255 * (1 - share))).max() <= 1


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('photometric', ['rgb', 'minisblack'])
def test_the_first_plane_of_a_volume(
    pixels, scene, tmp_path, dtype, photometric
):
    first = scene if photometric == 'rgb' else scene[..., 0]
    first = first.astype(dtype) * (257 if dtype == np.uint16 else 1)
    tifffile.imwrite(
        tmp_path / 'x.tif',
        np.stack([first, first[::-1], first // 2]),
        photometric=photometric,
        volumetric=True,
        tile=(1, 16, 16),
    )
    expected = scene if photometric == 'rgb' else scene[..., :1]
    np.testing.assert_array_equal(
        pixels(tmp_path / 'x.tif'), np.broadcast_to(expected, scene.shape)
    )


@pytest.mark.parametrize('photometric', ['cielab', 'icclab', 'itulab'])
def test_cielab_is_refused(pixels, scene, tmp_path, photometric):
    tifffile.imwrite(tmp_path / 'x.tif', deep(scene), photometric=photometric)
    with pytest.raises(ValueError, match=r'CIELAB.*save it as RGB'):
        pixels(tmp_path / 'x.tif')


def test_many_bands_are_no_error_in_the_log(pixels, scene, tmp_path, caplog):
    """Pillow would log one for each file."""
    path = tmp_path / 'x.tif'
    bands = np.repeat(scene[..., :1], 13, axis=-1)
    tifffile.imwrite(path, bands, photometric='minisblack')
    pixels(path, bands=(1, 2, 3))
    assert not caplog.records


def test_a_plain_picture_is_opened_once(pixels, scene, tmp_path, monkeypatch):
    path = tmp_path / 'x.tif'
    tifffile.imwrite(path, scene, photometric='rgb')
    monkeypatch.setattr(tifffile, 'TiffFile', None)
    np.testing.assert_array_equal(pixels(path), scene)


def test_white_is_zero(pixels, tmp_path):
    for dtype in (np.uint8, np.uint16):
        top = np.iinfo(dtype).max
        values = np.full((9, 8), top, dtype)
        values[0] = 0
        tifffile.imwrite(tmp_path / 'x.tif', values, photometric='miniswhite')
        found = pixels(tmp_path / 'x.tif')
        assert (found[0] == 255).all() and (found[1:] == 0).all()


def test_signed_numbers(pixels, tmp_path):
    small = np.array([[-128, 0, 127]], np.int8)
    tifffile.imwrite(tmp_path / 'x.tif', small, photometric='minisblack')
    assert pixels(tmp_path / 'x.tif')[0, :, 0].tolist() == [0, 128, 255]
    heights = np.array([[-32768, -100, 0, 1000, 32767]], np.int16)
    for dtype in (np.int16, np.int32):
        tifffile.imwrite(
            tmp_path / 'x.tif', heights.astype(dtype), photometric='minisblack'
        )
        with pytest.raises(DecodeOptionsError, match=r'int\d\d.*--range'):
            pixels(tmp_path / 'x.tif')
        found = pixels(tmp_path / 'x.tif', range=(-100, 1000))
        assert found[0, :, 2].tolist() == [0, 0, 23, 255, 255]


@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64])
def test_fractions_with_holes(pixels, tmp_path, dtype):
    values = np.array([[0.1, 0.35, 0.6, np.nan, np.inf, -9999]], dtype)
    tifffile.imwrite(
        tmp_path / 'x.tif',
        values,
        photometric='minisblack',
        extratags=[(42113, 's', 0, '-9999', True)],
    )
    found = pixels(tmp_path / 'x.tif', range=(0.1, 0.6))
    assert found[0, :3, 0].tolist() in ([0, 127, 255], [0, 128, 255])
    assert found[0, 3:].max() == 0
    with pytest.raises(DecodeOptionsError, match=f'{dtype.__name__}.*--range'):
        pixels(tmp_path / 'x.tif')


def test_a_pyramid_gives_its_full_size(pixels, scene, tmp_path):
    large = np.kron(scene, np.ones((4, 4, 1), np.uint8))
    small = large[::4, ::4] // 2
    for tagged in (True, False):  # the thumbnail first
        path = tmp_path / 'x.tif'
        with tifffile.TiffWriter(path) as tiff:
            tiff.write(
                small,
                photometric='rgb',
                subfiletype=int(tagged),
                metadata=None,
            )
            tiff.write(large, photometric='rgb', metadata=None)
        np.testing.assert_array_equal(pixels(path), large)
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(large, photometric='rgb', subifds=1, metadata=None)
        tiff.write(small, photometric='rgb', subfiletype=1, metadata=None)
    np.testing.assert_array_equal(pixels(path), large)


def test_slices_are_no_bands(pixels, scene, tmp_path):
    """ImageJ says what its pages are."""
    pages = np.moveaxis(np.dstack([scene, scene[..., :2]]), -1, 0)
    path = tmp_path / 'x.tif'
    tifffile.imwrite(path, pages, imagej=True, metadata={'axes': 'ZYX'})
    assert (pixels(path)[..., 1] == scene[..., 0]).all()
    tifffile.imwrite(path, pages[:3], imagej=True, metadata={'axes': 'CYX'})
    np.testing.assert_array_equal(pixels(path), scene)


def test_pages_of_colour_are_an_animation(pixels, tmp_path):
    frames = [Image.new('RGB', (8, 8), c) for c in ('red', 'blue')]
    frames[0].save(tmp_path / 'x.tif', save_all=True, append_images=frames[1:])
    assert (pixels(tmp_path / 'x.tif') == (255, 0, 0)).all()


def test_orientation_of_deep_pixels(pixels, scene, tmp_path):
    tifffile.imwrite(
        tmp_path / 'x.tif',
        deep(scene),
        photometric='rgb',
        extratags=[(274, 'H', 1, 6, True)],
    )
    found = pixels(tmp_path / 'x.tif', range=(0, 4095))
    np.testing.assert_array_equal(found, np.rot90(scene, -1))


def test_a_plain_bigtiff_needs_no_package(tmp_path, monkeypatch):
    """Its header has 16 bytes; Pillow reads it as it reads others."""
    values = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    path = tmp_path / 'big.tif'
    tifffile.imwrite(path, values, bigtiff=True, photometric='rgb')
    monkeypatch.setitem(sys.modules, 'tifffile', None)
    found = decode_image(path, 10**6)
    assert np.array_equal(np.asarray(found), values)
