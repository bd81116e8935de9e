"""Files to pixels, for training and for LMMs alike."""

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

__all__ = ['decode_image']

WHITE = (255, 255, 255)


def decode_image(
    path: str | Path,
    max_pixels: int,
    draft_size: int | None = None,
    background: Sequence[int] = WHITE,
    guess_range: bool = False,
) -> Image.Image:
    """Read an image of any kind as upright 8-bit RGB.

    Plain RGB images come out as Pillow decodes them. EXIF rotation is
    applied, the first frame of an animation is taken, transparency is
    blended with a colour, 16-bit grey values are scaled to 8 bits.

    Args:
        path (str | Path): The file.
        max_pixels (int): Larger JPEGs are decoded at 1/2, 1/4 or 1/8 of
            their size; what is still larger is refused.
        draft_size (int, optional): Decode JPEGs at the smallest of 1/1, 1/2,
            1/4 and 1/8 whose shorter side is at least this.
        background (Sequence[int]): RGB colour behind transparent pixels.
        guess_range (bool): Take floating-point pixels up to 1 for fractions
            and others for 0 to 255, instead of refusing them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the image is too large or its range is not known.
        Exception: Whatever Pillow's decoders raise on broken files.
    """
    with open(path, 'rb') as file, _open(file) as image:
        _shrink(image, max_pixels, draft_size)
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode == 'F' and guess_range:
            return _from_float(image).convert('RGB')
        return _to_rgb(image, background)


def _open(file: BinaryIO) -> Image.Image:
    """``Image.open`` that leaves the size of JPEGs to the caller."""
    try:
        return Image.open(file)
    except Image.DecompressionBombError:
        file.seek(0)
        if file.read(2) != b'\xff\xd8':
            raise
        file.seek(0)
        return JpegImageFile(file)


def _shrink(
    image: Image.Image, max_pixels: int, draft_size: int | None
) -> None:
    if isinstance(image, JpegImageFile):
        width, height = image.size
        step = 1
        if draft_size:
            while step < 8 and min(image.size) >= step * 2 * draft_size:
                step *= 2
        while step < 8 and width * height > step**2 * max_pixels:
            step *= 2
        image.draft(image.mode, (width // step, height // step))
    width, height = image.size
    if width * height > max_pixels:
        raise ValueError(
            f'it has {width} x {height} pixels, more than '
            f'max_pixels={max_pixels}; make it smaller, or raise the limit'
        )


def _to_rgb(image: Image.Image, background: Sequence[int]) -> Image.Image:
    if image.mode == 'RGB' and 'transparency' not in image.info:
        return image
    if image.mode == 'I' or image.mode.startswith('I;16'):
        return _from_16_bit(image).convert('RGB')
    if image.mode == 'F':
        raise ValueError('floating-point pixels have no known range.')
    if image.has_transparency_data:
        image = image.convert('RGBA')
        canvas = Image.new('RGBA', image.size, (*background, 255))
        image = Image.alpha_composite(canvas, image)
    return image.convert('RGB')


def _from_16_bit(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError('32-bit integer pixels have no known range.')
    return Image.fromarray((values // 257).astype(np.uint8))


def _from_float(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.float64)
    top = 1 if values.max() <= 1 else 255
    values = np.clip(values / top * 255, 0, 255).round()
    return Image.fromarray(values.astype(np.uint8))
