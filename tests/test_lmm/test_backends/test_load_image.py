import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mmlatte.decode_image import DecodeOptions
from mmlatte.lmm import ImageError, load_image


def colour(image, x=0, y=0):
    return image.getpixel((x, y))


def test_modes_become_rgb(tmp_path):
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64)
    Image.fromarray(ramp.astype(np.uint16)).save(tmp_path / 'deep.png')
    loaded = np.asarray(load_image(tmp_path / 'deep.png'))[..., 0]
    assert abs(loaded - ramp / 257).max() <= 1

    Image.new('CMYK', (32, 32), (0, 255, 255, 0)).save(tmp_path / 'c.jpg')
    red, green, blue = colour(load_image(tmp_path / 'c.jpg'))
    assert red > 200 and green < 60 and blue < 60

    Image.new('RGBA', (32, 32), (0, 0, 0, 0)).save(tmp_path / 'clear.png')
    assert colour(load_image(tmp_path / 'clear.png')) == (255, 255, 255)

    Image.new('F', (32, 32), 0.5).save(tmp_path / 'float.tif')
    with pytest.raises(ImageError, match=r'float32.*--range LO HI'):
        load_image(tmp_path / 'float.tif')
    fractions = DecodeOptions(range=(0, 1))
    loaded = load_image(tmp_path / 'float.tif', options=fractions)
    assert colour(loaded) == (128, 128, 128)

    Image.new('1', (32, 32), 1).save(tmp_path / 'bits.png')
    assert colour(load_image(tmp_path / 'bits.png')) == (255, 255, 255)


def test_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new('RGB', (32, 32), c) for c in ('red', 'blue')]
    frames[0].save(tmp_path / 'a.gif', save_all=True, append_images=frames[1:])
    red, _, blue = colour(load_image(tmp_path / 'a.gif'))
    assert red > 200 > blue


def test_exif_orientation_is_applied(tmp_path):
    image = Image.new('RGB', (40, 20), 'red')
    image.paste('blue', (20, 0, 40, 20))
    exif = image.getexif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 270 degrees
    image.save(tmp_path / 'turned.png', exif=exif)
    upright = load_image(tmp_path / 'turned.png')
    assert upright.size == (20, 40)
    assert colour(upright, 10, 0) == (255, 0, 0)
    assert colour(upright, 10, 39) == (0, 0, 255)


def test_sizes_are_bounded(tmp_path):
    Image.new('RGB', (1, 1), 'red').save(tmp_path / 'dot.png')
    dot = load_image(tmp_path / 'dot.png')
    assert dot.size == (16, 16) and colour(dot, 9, 9) == (255, 0, 0)
    Image.new('RGB', (3000, 1000)).save(tmp_path / 'big.jpg')
    assert load_image(tmp_path / 'big.jpg', max_side=300).size == (300, 100)


def huge_png(side):
    """A PNG of side x side pixels in a few kilobytes."""

    def chunk(name, data):
        check = struct.pack('>I', zlib.crc32(name + data))
        return struct.pack('>I', len(data)) + name + data + check

    packer = zlib.compressobj(9)
    row = b'\0' * (side // 8 + 1)
    data = b''.join(packer.compress(row) for _ in range(side))
    header = struct.pack('>IIBBBBB', side, side, 1, 0, 0, 0, 0)
    return (
        b'\x89PNG\r\n\x1a\n'
        + chunk(b'IHDR', header)
        + chunk(b'IDAT', data + packer.flush())
        + chunk(b'IEND', b'')
    )


def test_a_decompression_bomb_is_refused(tmp_path):
    (tmp_path / 'bomb.png').write_bytes(huge_png(20000))
    with pytest.raises(ImageError, match=r'too large|more than'):
        load_image(tmp_path / 'bomb.png')


def test_broken_files_say_what_is_wrong(tmp_path):
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3))
    Image.fromarray(noise.astype(np.uint8)).save(buffer, 'jpeg')
    (tmp_path / 'cut.jpg').write_bytes(buffer.getvalue()[:900])
    (tmp_path / 'empty.jpg').write_bytes(b'')
    (tmp_path / 'text.jpg').write_text('hello')
    for name, message in [
        ('cut.jpg', 'truncated'),
        ('empty.jpg', 'not an image'),
        ('text.jpg', 'not an image'),
        ('absent.jpg', 'not found'),
    ]:
        with pytest.raises(ImageError, match=message):
            load_image(tmp_path / name)
