"""What Pillow reads as it is: pictures of 8 bits."""

from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from ..raster import Raster, check_size
from ..value_range import TURNS

__all__ = ['blend', 'load_upright', 'open_pillow', 'plain_raster']

ORIENTATION = 0x0112
#: Where Pillow keeps the orientation of pixels that are turned by now.
NOTES = ('exif', 'Raw profile type exif', 'xmp', 'XML:com.adobe.xmp')


def open_pillow(file: BinaryIO) -> Image.Image:
    """``Image.open`` that leaves the size of JPEGs to the caller."""
    try:
        return Image.open(file)
    except Image.DecompressionBombError:
        file.seek(0)
        if file.read(2) != b'\xff\xd8':
            raise
        file.seek(0)
        return JpegImageFile(file)


def load_upright(
    image: Image.Image, max_pixels: int, draft_size: int | None
) -> Image.Image | Raster:
    """Decode an opened file and turn it upright.

    Returns:
        Image.Image | Raster: A raster where the values have over 8 bits.

    Raises:
        ValueError: If there are more than `max_pixels`.
    """
    if isinstance(image, JpegImageFile):
        _shrink(image, max_pixels, draft_size)
    check_size(*image.size, max_pixels)
    image.load()
    # Only the pixels: to write the EXIF back fails at odd values in it.
    turn = image.getexif().get(ORIENTATION, 1)
    if image.mode in ('I', 'F') or image.mode.startswith('I;16'):
        # Of numbers of 32 bits these formats use 16, see `read_png`.
        narrow = image.mode == 'I' and image.format in ('PPM', 'PNG')
        deep = image.mode.startswith('I;16') or narrow
        full = (0, 65535) if deep else None
        return Raster(np.asarray(image), full=full, turn=turn)
    if turn in TURNS:
        image = image.transpose(TURNS[turn])
        for note in NOTES:
            image.info.pop(note, None)
    return image


def _shrink(
    image: Image.Image, max_pixels: int, draft_size: int | None
) -> None:
    width, height = image.size
    step = 1
    if draft_size:
        while step < 8 and min(image.size) >= step * 2 * draft_size:
            step *= 2
    while step < 8 and width * height > step**2 * max_pixels:
        step *= 2
    image.draft(image.mode, (width // step, height // step))


def blend(image: Image.Image, background: Sequence[int]) -> Image.Image:
    """Return RGB; transparent pixels are blended with a colour."""
    if image.mode == 'RGB' and 'transparency' not in image.info:
        return image
    if image.has_transparency_data:
        image = image.convert('RGBA')
        canvas = Image.new('RGBA', image.size, (*background, 255))
        image = Image.alpha_composite(canvas, image)
    return image.convert('RGB')


def plain_raster(image: Image.Image) -> Raster:
    """Return the bands of a picture, for those who choose among them."""
    if image.mode not in ('L', 'LA', 'RGB', 'RGBA'):
        clear = image.has_transparency_data
        image = image.convert('RGBA' if clear else 'RGB')
    values = np.asarray(image)
    return Raster(values, full=(0, 255), colour=image.mode.startswith('RGB'))
