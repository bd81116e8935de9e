"""PNG and JPEG 2000 of more than 8 bits or 4 bands, and JPEG XL."""

from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from ..decode_options import DecodeOptions
from ..optional_package import need_package
from ..raster import Raster, check_size
from .jpeg2000_header import read_header
from .jpeg_xl_header import is_jpeg_xl, read_jpeg_xl_header

__all__ = ['read_jpeg2000', 'read_jpeg_xl', 'read_png']


def read_png(
    file: BinaryIO,
    max_pixels: int,
    options: DecodeOptions,
    image: Any,
) -> Raster | None:
    """Read a PNG of 16 bits in colour, or with opacity.

    Pillow keeps the upper 8 bits of those.

    Returns:
        Raster | None: None for what Pillow reads as it should.
    """
    raw = image.tile[0][3] if image.tile else ''
    # Grey ones have the mode I before Pillow 10.3, I;16 since.
    if not raw.endswith(';16B') or image.mode.startswith('I'):
        return None
    check_size(image.width, image.height, max_pixels)
    codecs = need_package('imagecodecs', 'A PNG of 16 bits in colour')
    turn = image.getexif().get(0x0112, 1)
    file.seek(0)
    values = codecs.png_decode(file.read())
    bands = values.shape[2]
    alpha = bands - 1 if bands in (2, 4) else None
    return Raster(
        values,
        colour=bands > 2,
        alpha=alpha,
        trusted=True,
        full=(0, 65535),
        turn=turn,
    )


def read_jpeg2000(
    file: BinaryIO,
    max_pixels: int,
    options: DecodeOptions,
    image: Image.Image | None = None,
) -> Raster | None:
    """Read a JPEG 2000 of more than 8 bits, or of other bands than 1 or 3.

    Returns:
        Raster | None: None for what Pillow reads as it should, and for
        files of another kind.
    """
    file.seek(0)
    data = file.read()
    header = read_header(data)
    if header is None:
        return None
    if image is not None and header.bits <= 8 and header.bands in (1, 3):
        return None
    check_size(header.width, header.height, max_pixels)
    codecs = need_package('imagecodecs', 'JPEG 2000 of more than 8 bits')
    values = codecs.jpeg2k_decode(data)
    bands = 1 if values.ndim == 2 else values.shape[2]
    return Raster(
        values,
        colour=header.colour and bands > 2,
        alpha=bands - 1 if bands in (2, 4) else None,
        full=None if header.signed else (0, 2**header.bits - 1),
    )


def read_jpeg_xl(
    file: BinaryIO, max_pixels: int, options: DecodeOptions
) -> Raster | None:
    """Read the first frame of a JPEG XL; its decoder turns it upright.

    Returns:
        Raster | None: None if the file is of another kind.
    """
    head = file.read(12)
    if not is_jpeg_xl(head):
        return None
    codecs = need_package('imagecodecs', 'JPEG XL')
    data = head + file.read()
    header = read_jpeg_xl_header(data)
    check_size(header.width, header.height, max_pixels)
    values = codecs.jpegxl_decode(data, index=0)
    bands = 1 if values.ndim == 2 else values.shape[2]
    bits = header.bits
    if bits is None or values.dtype.kind == 'f':
        values = np.clip(values.astype(np.float32), 0, 1)
        values, bits = (values * 65535).round().astype(np.uint16), 16
    return Raster(
        values,
        colour=bands > 2,
        alpha=bands - 1 if bands in (2, 4) else None,
        trusted=True,
        full=(0, 2**bits - 1),
    )
