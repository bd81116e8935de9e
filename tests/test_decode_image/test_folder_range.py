import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from mmlatte.decode_image import (
    IMAGE_SUFFIXES,
    DecodeOptions,
    DecodeOptionsError,
    kind_and_reason,
    look_at_folder,
)

PLAIN = DecodeOptions()
RNG = np.random.default_rng(0)


def look(paths, options=PLAIN):
    return look_at_folder(paths, options, 10**8)


def write(folder, arrays, **more) -> list[str]:
    paths = [str(folder / f'{n}.tif') for n in range(len(arrays))]
    for path, array in zip(paths, arrays, strict=True):
        tifffile.imwrite(path, array, photometric='minisblack', **more)
    return paths


def ramp(top, count=4, dtype=np.uint16) -> list[np.ndarray]:
    """Images that share one range, some of them darker."""
    values = np.linspace(0, top, 10_000).reshape(100, 100)
    return [(values / (n + 1)).astype(dtype) for n in range(count)]


def test_one_range_for_the_folder(tmp_path):
    """A dark image stays darker than a bright one."""
    paths = write(tmp_path, ramp(4095))
    found = look(paths)
    assert found.measured and found.deep == 4
    low, high = found.options.range
    everything = np.concatenate([tifffile.imread(p).ravel() for p in paths])
    assert low == np.floor(np.percentile(everything, 0.1))
    assert high == np.ceil(np.percentile(everything, 99.9))
    assert 'measured on 4 images' in str(found) and not found.mostly_dark


def test_what_files_declare_is_kept_where_it_is_filled(tmp_path):
    paths = write(tmp_path, ramp(4000), bitspersample=12)
    found = look(paths)
    assert found.options == PLAIN and not found.measured
    (tmp_path / '15').mkdir()
    paths = write(tmp_path / '15', ramp(65535))
    assert look(paths).options == PLAIN


def test_declared_bits_that_are_not_filled(tmp_path):
    """Sentinel-2: reflectance to 10,000 in 15 bits."""
    path = tmp_path / 'x.jp2'
    path.write_bytes(
        imagecodecs.jpeg2k_encode(ramp(10_000)[0], level=0, bitspersample=15)
    )
    low, high = look([str(path)]).options.range
    assert low < 100 and 9900 < high <= 10_000


def test_what_was_not_measured_does_not_count(tmp_path):
    fractions = ramp(0.4, dtype=np.float32)
    for image in fractions:
        image[:40] = -9999
        image[40:42] = np.nan
    tag = [(42113, 's', 0, '-9999', True)]
    low, high = look(write(tmp_path, fractions, extratags=tag)).options.range
    assert 0 < low < 0.4 and 0.35 < high <= 0.4


def test_a_choice_is_kept(tmp_path):
    options = DecodeOptions(range=(0, 500))
    found = look(write(tmp_path, ramp(4095)), options)
    assert found.options == options and not found.measured


def test_only_the_chosen_bands_are_measured(tmp_path):
    values = np.zeros((50, 60, 5), np.uint16)
    values[..., 3] = 40_000
    values[..., :3] = RNG.integers(0, 1000, (50, 60, 3))
    paths = write(tmp_path, [values], planarconfig='contig')
    _, high = look(paths, DecodeOptions(bands=(3, 2, 1))).options.range
    assert high <= 1000
    with pytest.raises(DecodeOptionsError, match=r'0\.tif.*5 bands'):
        look(paths)


def test_heights_below_zero(tmp_path):
    heights = [(image - 50).astype(np.int16) for image in ramp(300)]
    low, high = look(write(tmp_path, heights)).options.range
    assert -50 <= low < -40 and 200 < high <= 250


def test_fractions_and_whole_numbers_are_no_folder(tmp_path):
    paths = write(tmp_path, [*ramp(4095), *ramp(1, 1, np.float32)])
    with pytest.raises(DecodeOptionsError, match=r'4\.tif.*fractions.*tif'):
        look(paths)


def test_dark_folders_are_told(tmp_path):
    paths = [str(tmp_path / f'{n}.png') for n in range(3)]
    for path, value in zip(paths, (5, 10, 200), strict=True):
        Image.new('RGB', (30, 30), (value,) * 3).save(path)
    found = look(paths)
    assert found.dark == 2 and 'WARNING: 2 of 3' in str(found)
    assert not look(paths[1:]).mostly_dark
    assert str(look(paths[2:])) == ''


def test_broken_files_are_left_to_others(tmp_path):
    paths = [*write(tmp_path, ramp(4095)), str(tmp_path / 'no.tif')]
    assert look(paths).deep == 4


def test_kinds_that_are_left_out():
    assert {'.jfif', '.jp2', '.heic', '.jpe', '.tif', '.dcm'} <= {
        *IMAGE_SUFFIXES
    }
    assert kind_and_reason('a/.DS_Store')[0] == 'hidden'
    assert kind_and_reason('IM000001')[0] == 'without ending'
    assert kind_and_reason('x.NEF') == ('.nef', 'raw photo')
