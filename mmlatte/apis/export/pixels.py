"""Images prepared by Pillow and NumPy alone, for exports that want pixels."""

import numpy as np
from PIL import Image

from .bundle import Preprocessing

__all__ = ['read_pixels']


def read_pixels(image: Image.Image, how: Preprocessing) -> np.ndarray:
    """Prepare an image as the exported graphs want it.

    Args:
        image (Image.Image): Upright image.
        how (Preprocessing): Size and resizing; mean and std are not applied.

    Returns:
        np.ndarray: RGB in 0..1, (3, size, size), float32.
    """
    image = image.convert('RGB')
    resample = Image.Resampling[how.interpolation.upper()]
    width, height = (how.size, how.size)
    if how.resize_mode == 'shortest':
        short = min(image.size)
        width, height = (int(how.size * side / short) for side in image.size)
    image = image.resize((width, height), resample)
    left = round((width - how.size) / 2)
    top = round((height - how.size) / 2)
    image = image.crop((left, top, left + how.size, top + how.size))
    return np.asarray(image, np.float32).transpose(2, 0, 1) / 255
