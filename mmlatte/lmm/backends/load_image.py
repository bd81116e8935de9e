"""Decode an image for an LMM, whatever the file holds."""

from pathlib import Path

from PIL import Image, UnidentifiedImageError

from mmlatte.decode_image import DecodeOptions, decode_image

__all__ = ['ImageError', 'load_image']

PLAIN = DecodeOptions()


class ImageError(ValueError):
    """The file cannot be shown to an LMM; the message gives the reason."""


def load_image(
    path: str | Path,
    max_pixels: int = 100_000_000,
    max_side: int = 2048,
    min_side: int = 16,
    options: DecodeOptions = PLAIN,
) -> Image.Image:
    """Read an image as upright 8-bit RGB of a bounded size.

    Decoding follows `mmlatte.decode_image`, as in training.

    Args:
        path (str | Path): File.
        max_pixels (int): Larger images are refused before they are decoded;
            JPEGs are first reduced while they are decoded.
        max_side (int): Longer sides are scaled down to this.
        min_side (int): Shorter sides are scaled up to this: image processors
            fail on images of a few pixels.
        options (DecodeOptions): Range and bands.

    Raises:
        ImageError: If the file is missing, no image, truncated or too large.
    """
    try:
        image = decode_image(path, max_pixels, max_side, options=options)
        return _resize(image, max_side, min_side)
    except Image.DecompressionBombError as error:
        raise ImageError(f'too large: {error}') from error
    except FileNotFoundError as error:
        raise ImageError('file not found') from error
    except UnidentifiedImageError as error:
        raise ImageError('not an image') from error
    # Pillow's decoders raise many kinds of error on broken files.
    except Exception as error:
        raise ImageError(f'unreadable: {error}') from error


def _resize(image: Image.Image, max_side: int, min_side: int) -> Image.Image:
    if max(image.size) > max_side:
        image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    if min(image.size) < min_side:
        size = (max(image.width, min_side), max(image.height, min_side))
        image = image.resize(size, Image.Resampling.NEAREST)
    return image
