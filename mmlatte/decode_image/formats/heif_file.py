"""HEIC and HEIF photos."""

from typing import BinaryIO

from PIL import Image

from ..decode_options import DecodeOptions
from ..optional_package import need_package
from ..raster import check_size

__all__ = ['read_heif']


def read_heif(
    file: BinaryIO, max_pixels: int, options: DecodeOptions
) -> Image.Image | None:
    """Read a photo; its decoder turns it and scales it to 8 bits.

    Returns:
        Image.Image | None: None if the file is of another kind.
    """
    if file.read(8)[4:] != b'ftyp':
        return None
    heif = need_package('pillow_heif', 'HEIC')
    file.seek(0)
    photo = heif.open_heif(file)
    width, height = photo.size
    check_size(width, height, max_pixels)
    return photo.to_pillow()
