"""Files to pixels, for training and for LMMs alike."""

import io
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from os import PathLike
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from mmlatte.archives.open_image import open_image

from .decode_options import DecodeOptions
from .formats import codec_file, dicom_file, heif_file, ppm_file, tiff_file
from .formats.pillow_file import (
    blend,
    load_upright,
    open_pillow,
    plain_raster,
)
from .raster import Raster
from .value_range import raster_to_rgb

__all__ = ['WHITE', 'Source', 'decode_image', 'read_image']

WHITE = (255, 255, 255)
PLAIN = DecodeOptions()

Source = str | PathLike | bytes | BinaryIO

#: Formats of which Pillow reads a part as it should, and who reads the rest.
READERS = {
    'JPEG2000': codec_file.read_jpeg2000,
    'PNG': codec_file.read_png,
    'PPM': ppm_file.read_ppm,
}
#: Who reads what Pillow does not know.
OTHERS = (
    dicom_file.read_dicom,
    codec_file.read_jpeg_xl,
    heif_file.read_heif,
    codec_file.read_jpeg2000,
)


def decode_image(
    source: Source,
    max_pixels: int,
    draft_size: int | None = None,
    background: Sequence[int] = WHITE,
    options: DecodeOptions = PLAIN,
) -> Image.Image:
    """Read an image of any kind as upright 8-bit RGB.

    Plain RGB images come out as Pillow decodes them. EXIF rotation is
    applied, the first frame of an animation and the full-size page of a
    pyramid are taken, transparency is blended with a colour, values of more
    than 8 bits are scaled by the range of `options`, else by that which the
    file declares; those that were not measured become black.

    Args:
        source (str | PathLike | bytes | BinaryIO): The file, a member of an
            archive (`open_image`), or its content.
        max_pixels (int): Larger JPEGs are decoded at 1/2, 1/4 or 1/8 of
            their size; what is still larger is refused.
        draft_size (int, optional): Decode JPEGs at the smallest of 1/1, 1/2,
            1/4 and 1/8 whose shorter side is at least this.
        background (Sequence[int]): RGB colour behind transparent pixels.
        options (DecodeOptions): Range and bands.

    Raises:
        FileNotFoundError: If there is no such file.
        MissingPackageError: If its kind needs a package.
        DecodeOptionsError: If its range or bands must be given.
        ValueError: If the image is too large.
        Exception: Whatever decoders raise on broken files.
    """
    found = read_image(source, max_pixels, draft_size, options)
    if isinstance(found, Raster):
        return raster_to_rgb(found, options, background)
    if options.bands is not None:
        return raster_to_rgb(plain_raster(found), options, background)
    return blend(found, background)


def read_image(
    source: Source,
    max_pixels: int,
    draft_size: int | None = None,
    options: DecodeOptions = PLAIN,
) -> Image.Image | Raster:
    """Read a file as it is: a picture of 8 bits, or values.

    Args:
        source (Source): See `decode_image`.
        max_pixels (int): See `decode_image`.
        draft_size (int, optional): See `decode_image`.
        options (DecodeOptions): A range takes the place of a DICOM's window.
    """
    with _opened(source) as file:
        head = file.read(4)
        file.seek(0)
        if head in tiff_file.MAGIC:
            tiff = tiff_file.read_tiff(file, max_pixels)
            if isinstance(tiff, Raster):
                return tiff
            return load_upright(tiff, max_pixels, draft_size)
        try:
            image = open_pillow(file)
        except UnidentifiedImageError:
            for read in OTHERS:
                file.seek(0)
                found = read(file, max_pixels, options)
                if found is not None:
                    return found
            raise
        with image:
            if image.format in READERS:
                raster = READERS[image.format](
                    file, max_pixels, options, image
                )
                if raster is not None:
                    return raster
            return load_upright(image, max_pixels, draft_size)


def _opened(source: Source) -> AbstractContextManager[BinaryIO]:
    if isinstance(source, (str, PathLike)):
        return open_image(source)
    if isinstance(source, bytes):
        return io.BytesIO(source)
    return nullcontext(source)
