"""TIFF: numbers of any kind, bands, pages, pyramids."""

from typing import Any, BinaryIO

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from ..optional_package import need_package
from ..raster import Raster, check_size
from .tiff_bands import band_names, stacked_values

__all__ = ['MAGIC', 'read_tiff']

KIND = 'A TIFF of more than 8 bits, bands or pages'

MAGIC = (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')
BITS, PHOTOMETRIC, SAMPLES, ORIENTATION = 258, 262, 277, 274
SUB_IFDS, FORMAT, DEPTH, GDAL_NO_DATA = 330, 339, 32997, 42113
WHITE_IS_ZERO, BLACK_IS_ZERO, PALETTE, CMYK = 0, 1, 3, 5
LAB = (8, 9, 10)
ASSOCIATED, UNASSOCIATED = 1, 2
#: Photometric tags (with YCbCr and the Labs) and their bands without others.
PLAIN = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3, 9: 3}
#: Bits of the tag 254: a smaller version of another page, a mask of one.
REDUCED, MASK = 1, 4
#: A page so much wider than the first, of its shape, is the same picture.
LARGER, SAME_SHAPE = 2, 0.02


def read_tiff(file: BinaryIO, max_pixels: int) -> Raster | Image.Image:
    """Read a TIFF.

    Pictures of 8 bits are Pillow's: it knows palettes, CMYK and the like.
    Where they are alone in their file nothing else looks at it.

    Args:
        file (BinaryIO): It begins with one of `MAGIC`.
        max_pixels (int): See `decode_image`.

    Returns:
        Raster | Image.Image: An image is opened at its page, not decoded.

    Raises:
        MissingPackageError: If it is no picture of 8 bits on one page, and
            tifffile is not installed.
    """
    try:
        picture = _read_picture(file)
    except Exception:  # Decoders raise whatever they like: ask the other.
        picture = None
    if picture is not None:
        return picture
    file.seek(0)
    need_package('imagecodecs', KIND)
    tifffile = need_package('tifffile', KIND)
    with tifffile.TiffFile(file) as tiff:
        page = _full_size_page(tiff)
        check_size(page.imagewidth, page.imagelength, max_pixels)
        values = stacked_values(tiff, page)
        plain = _is_plain(
            np.array(page.bitspersample),
            np.array(page.sampleformat),
            int(page.photometric),
            page.samplesperpixel,
        )
        plain = plain and page.imagedepth == 1
        if not plain or values is not None or page not in tiff.pages:
            return _raster(tiff, page, values)
        index = page.index
    file.seek(0)
    image = Image.open(file)
    image.seek(index)
    return image


def _read_picture(file: BinaryIO) -> Image.Image | None:
    """Open a picture of 8 bits that is all that a file holds.

    Its tags are read first: Pillow logs an error at bands that it lacks.
    """
    head = file.read(8)
    if 43 in head[2:4]:  # BigTIFF
        head += file.read(8)
    tags = ImageFileDirectory_v2(head)
    file.seek(tags.next)
    tags.load(file)
    plain = _is_plain(
        np.atleast_1d(tags.get(BITS, 1)),
        np.atleast_1d(tags.get(FORMAT, 1)),
        tags.get(PHOTOMETRIC, BLACK_IS_ZERO),
        tags.get(SAMPLES, 1),
    )
    more = tags.next or SUB_IFDS in tags or tags.get(DEPTH, 1) != 1
    if more or not plain:
        return None
    file.seek(0)
    return Image.open(file)


def _is_plain(
    bits: np.ndarray, formats: np.ndarray, photometric: int, samples: int
) -> bool:
    """Whether these are numbers and bands that Pillow reads right."""
    few = bool((bits <= 8).all() and (formats == 1).all())
    return few and PLAIN.get(photometric) == samples


def _full_size_page(tiff: Any) -> Any:
    """Return the first page that is no smaller version of another."""
    pages = []
    for page in tiff.pages:
        page = page.aspage()
        pages += [page, *(page.pages or ())]
    found = [
        page for page in pages if not int(page.subfiletype) & (REDUCED | MASK)
    ]
    first = (found or pages)[0]
    for page in found:
        ratio = page.imagewidth / first.imagewidth
        same = abs(page.imagelength / first.imagelength / ratio - 1)
        if ratio >= LARGER and same <= SAME_SHAPE:
            first = page
    return first


def _raster(tiff: Any, page: Any, whole: np.ndarray | None) -> Raster:
    photometric = int(page.photometric)
    if photometric == PALETTE:
        raise ValueError('a palette of more than 256 colours is not read')
    if photometric in LAB:
        raise ValueError(
            'its colours are CIELAB, of more than 8 bits or with more bands, '
            'which is not read: save it as RGB'
        )
    alone = whole is None
    values = _plane(page) if whole is None else whole
    extra = [int(sample) for sample in page.extrasamples]
    opaque = alone and extra[-1:] in ([ASSOCIATED], [UNASSOCIATED])
    bands = values.shape[2]
    return Raster(
        values,
        names=band_names(tiff, page, bands),
        colour=photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, CMYK)
        and bands >= 3,
        alpha=bands - 1 if opaque and bands > 1 else None,
        associated=opaque and extra[-1] == ASSOCIATED,
        full=_full(values.dtype, page.bitspersample),
        inverted=photometric == WHITE_IS_ZERO,
        no_data=_no_data(page),
        turn=int(page.tags.valueof(ORIENTATION, default=1)),
    )


def _plane(page: Any) -> np.ndarray:
    """Return the values of a page, (H, W, C); of a volume its first plane."""
    values, axes = page.asarray(), page.axes
    if 'Z' in axes:
        values = values.take(0, axis=axes.index('Z'))
        axes = axes.replace('Z', '')
    if 'S' in axes:
        values = np.moveaxis(values, axes.index('S'), -1)
    return values.reshape(page.imagelength, page.imagewidth, -1)


def _full(dtype: np.dtype, bits: int) -> tuple[float, float] | None:
    """Return the values of black and white, where the numbers tell."""
    if dtype.kind == 'u' and bits <= 16:
        return 0, 2**bits - 1
    if dtype == np.int8:
        return -128, 127
    return None


def _no_data(page: Any) -> float | None:
    """Return GDAL's value for "not measured"."""
    text = page.tags.valueof(GDAL_NO_DATA)
    try:
        return float(str(text).strip('\0 '))
    except ValueError:
        return None
