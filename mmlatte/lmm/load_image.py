"""Decode an image for an LMM, whatever the file holds."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

__all__ = ['ImageError', 'load_image']


class ImageError(ValueError):
    """The file cannot be shown to an LMM; the message says why."""


def load_image(
    path: str | Path,
    max_pixels: int = 100_000_000,
    max_side: int = 2048,
    min_side: int = 16,
) -> Image.Image:
    """Read an image as upright 8-bit RGB of a bounded size.

    EXIF orientation is applied, the first frame of an animation is taken,
    16-bit images are scaled to 8 bit, transparency becomes white.

    Args:
        path (str | Path): File.
        max_pixels (int): Larger images are refused before they are decoded;
            JPEGs are first reduced while they are decoded.
        max_side (int): Longer sides are scaled down to this.
        min_side (int): Shorter sides are scaled up to this: image processors
            fail on images of a few pixels.

    Raises:
        ImageError: If the file is missing, no image, truncated or too large.
    """
    try:
        with warnings.catch_warnings():
            # The limit on pixels is ours.
            warnings.simplefilter('ignore', Image.DecompressionBombWarning)
            with Image.open(path) as image:
                size = image.size
                if image.format == 'JPEG':
                    image.draft(None, (max_side, max_side))
                if image.width * image.height > max_pixels:
                    raise ImageError(
                        f'{size[0]}x{size[1]} pixels, more than {max_pixels}'
                    )
                image.load()
                image = ImageOps.exif_transpose(image)
                return _resize(_to_rgb(image), max_side, min_side)
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(f'too large: {error}') from error
    except FileNotFoundError as error:
        raise ImageError('file not found') from error
    except UnidentifiedImageError as error:
        raise ImageError('not an image') from error
    # Pillow's decoders raise many kinds of error on broken files.
    except Exception as error:
        raise ImageError(f'unreadable: {error}') from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith('I') or image.mode == 'F':
        pixels = np.asarray(image).astype(np.float64)
        top = 65535 if image.mode != 'F' and pixels.max() > 255 else 255
        if image.mode == 'F' and pixels.max() <= 1:
            top = 1
        pixels = np.clip(pixels / top * 255, 0, 255).round()
        image = Image.fromarray(pixels.astype(np.uint8))
    if 'A' in image.getbands() or 'transparency' in image.info:
        image = image.convert('RGBA')
        white = Image.new('RGBA', image.size, 'white')
        image = Image.alpha_composite(white, image)
    return image.convert('RGB')


def _resize(image: Image.Image, max_side: int, min_side: int) -> Image.Image:
    if max(image.size) > max_side:
        image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    if min(image.size) < min_side:
        size = (max(image.width, min_side), max(image.height, min_side))
        image = image.resize(size, Image.Resampling.NEAREST)
    return image
