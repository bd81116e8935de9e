"""Bands of a TIFF that are pages of their own, and what bands are called."""

import re
from html import unescape
from typing import Any

import numpy as np

__all__ = ['band_names', 'stacked_values']

GDAL_METADATA = 42112
GDAL_NAME = re.compile(
    r'<Item\b(?=[^>]*\bname="DESCRIPTION")(?=[^>]*\bsample="(\d+)")[^>]*>'
    r'([^<]*)<'
)
OME_NAME = re.compile(r'<Channel\b[^>]*?\bName="([^"]*)"')
#: As many bands as a sensor has, and fewer than an image has columns.
MOST_BANDS = 32


def stacked_values(tiff: Any, page: Any) -> np.ndarray | None:
    """Return the bands of an image that has a page for each.

    Where a program wrote what its axes are (ImageJ, OME), only channels
    are bands: of the slices of a stack and the images of a film the first is
    taken. Else grey pages of one size are.

    Args:
        tiff (TiffFile): The file.
        page (TiffPage): Its first full-size page.

    Returns:
        np.ndarray | None: (H, W, C); None where the page is the image.
    """
    series: Any = next((s for s in tiff.series if page in s.pages), ())
    if len(series) < 2 or page.samplesperpixel > 1 or page.bitspersample < 8:
        return None
    if tiff.is_imagej or tiff.is_ome:
        return _channels(series) if 'C' in series.axes else None
    shape = series.shape
    if len(shape) == 3 and shape[2] <= MOST_BANDS < min(shape[:2]):
        # An array (H, W, C) whose rows tifffile took for pages.
        return series.asarray()
    if len(series) > MOST_BANDS:
        return None
    return np.stack([one.asarray() for one in series.pages], axis=-1)


def _channels(series: Any) -> np.ndarray:
    values = series.asarray()
    for axis in reversed(range(len(series.axes))):
        if series.axes[axis] not in 'CYX':
            values = values.take(0, axis=axis)
    axes = [axis for axis in series.axes if axis in 'CYX']
    return np.moveaxis(values, axes.index('C'), -1)


def band_names(tiff: Any, page: Any, count: int) -> tuple[str, ...]:
    """Return what GDAL, OME or ImageJ wrote about the bands, or nothing."""
    text = page.tags.valueof(GDAL_METADATA)
    if text:
        found = dict(GDAL_NAME.findall(str(text)))
        names = [found.get(str(band), '') for band in range(count)]
    elif tiff.is_ome:
        names = OME_NAME.findall(tiff.ome_metadata)
    elif tiff.is_imagej:
        names = list((tiff.imagej_metadata or {}).get('Labels', ()))
    else:
        names = []
    return tuple(unescape(str(name)) for name in names[:count])
