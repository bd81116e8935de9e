"""Values of any kind to 8 bits."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from .bands import choose_bands
from .decode_options import DecodeOptions, DecodeOptionsError
from .raster import Raster

__all__ = ['TURNS', 'raster_to_rgb']

#: EXIF orientation -> how to turn the pixels.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def raster_to_rgb(
    raster: Raster, options: DecodeOptions, background: Sequence[int]
) -> Image.Image:
    """Make values visible.

    Args:
        raster (Raster): The values.
        options (DecodeOptions): Range and bands.
        background (Sequence[int]): RGB colour behind transparent pixels.

    Returns:
        Image.Image: Upright RGB. Values that were not measured are black.

    Raises:
        DecodeOptionsError: If range or bands are not known.
    """
    bands, alpha = choose_bands(raster, options.bands)
    values, valid = raster.measured(bands)
    low, high = _range(raster, options)
    opacity = None
    share: float | np.ndarray = 1  # of the picture in what is shown
    if alpha is not None:
        opacity = raster.values[..., alpha]
        if raster.associated:
            share = np.minimum(opacity[..., None] / raster.opaque, 1)
    # Signed differences of small numbers would wrap, float16 overflow.
    scaled = np.subtract(values, low * share, dtype=_precise(values))
    scaled *= 255 / (high - low)
    if raster.inverted:
        scaled = 255 * share - scaled
    scaled[~valid] = 0
    if raster.associated:
        scaled = scaled + (1 - share) * np.array(background)
    eight = np.clip(scaled.round(), 0, 255).astype(np.uint8)
    image = Image.fromarray(eight[..., 0] if eight.shape[2] == 1 else eight)
    image = image.convert('RGB')
    if opacity is not None and not raster.associated:
        canvas = Image.new('RGB', image.size, tuple(background))
        mask = Image.fromarray(_eight_bits(opacity, raster.opaque))
        image = Image.composite(image, canvas, mask)
    turn = TURNS.get(raster.turn)
    return image if turn is None else image.transpose(turn)


def _range(raster: Raster, options: DecodeOptions) -> tuple[float, float]:
    chosen = options.range if raster.deep else None
    found = chosen or raster.full
    if found is None:
        kind = raster.values.dtype.name
        raise DecodeOptionsError(
            f'its values are {kind}, whose range nothing tells: give '
            '--range LO HI (in a config range=(LO, HI) of '
            'mmlatte.LoadImage), the values that become black and white'
        )
    low, high = found
    return low, high


def _precise(values: np.ndarray) -> type:
    return np.float64 if values.dtype.itemsize > 2 else np.float32


def _eight_bits(values: np.ndarray, top: int) -> np.ndarray:
    """Opacity as 8 bits; that of more bits is scaled."""
    scaled = values.astype(np.int64) * 255 // top
    return np.minimum(scaled, 255).astype(np.uint8)
