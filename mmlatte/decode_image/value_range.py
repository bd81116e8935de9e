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
    # Signed differences of small numbers would wrap, float16 overflow.
    scaled = np.subtract(values, low, dtype=_precise(values))
    scaled *= 255 / (high - low)
    if raster.inverted:
        scaled = 255 - scaled
    scaled[~valid] = 0
    eight = np.clip(scaled.round(), 0, 255).astype(np.uint8)
    image = Image.fromarray(eight[..., 0] if len(bands) == 1 else eight)
    image = image.convert('RGB')
    if alpha is not None:
        mask = Image.fromarray(_opacity(raster.values[..., alpha]))
        canvas = Image.new('RGB', image.size, tuple(background))
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


def _opacity(values: np.ndarray) -> np.ndarray:
    """Opacity as 8 bits; 16-bit ones are scaled."""
    top = np.iinfo(values.dtype).max
    return (values // (top // 255)).astype(np.uint8)
