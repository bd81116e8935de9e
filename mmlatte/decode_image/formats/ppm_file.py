"""Netpbm files of more than 8 bits, of which Pillow keeps 8."""

from typing import Any, BinaryIO

import numpy as np

from ..decode_options import DecodeOptions
from ..raster import Raster, check_size

__all__ = ['read_ppm']


def read_ppm(
    file: BinaryIO,
    max_pixels: int,
    options: DecodeOptions,
    image: Any,
) -> Raster | None:
    """Read a binary netpbm file of two bytes a value.

    Returns:
        Raster | None: None for what Pillow reads as it should.
    """
    codec, _, offset, arguments = image.tile[0]
    if codec != 'ppm' or arguments[1] <= 255:
        return None
    maximum = arguments[1]
    width, height = image.size
    check_size(width, height, max_pixels)
    channels = len(image.getbands())
    file.seek(offset)
    size = 2 * width * height * channels
    data = file.read(size)
    if len(data) < size:
        raise OSError('image file is truncated')
    values = np.frombuffer(data, '>u2').reshape(height, width, channels)
    return Raster(
        values.astype(np.uint16), colour=channels == 3, full=(0, maximum)
    )
