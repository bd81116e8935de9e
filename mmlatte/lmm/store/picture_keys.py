"""What texts and answers know a picture by."""

import hashlib
import json

import numpy as np

from mmlatte.decode_image import DecodeOptions

__all__ = ['picture_keys']


def picture_keys(images: np.ndarray, options: DecodeOptions) -> np.ndarray:
    """Return keys of images as they are shown.

    Another range or other bands make another picture of the same file.

    Args:
        images (np.ndarray): uint64 (N,), see
            :class:`mmlatte.image_table.ImageTable`.
        options (DecodeOptions): How their pixels are made visible.

    Returns:
        np.ndarray: uint64 (N,); the same as given for the default options.

    Examples:
        >>> images = np.array([1, 2], np.uint64)
        >>> picture_keys(images, DecodeOptions()).tolist()
        [1, 2]
        >>> wide, narrow = (
        ...     picture_keys(images, DecodeOptions(range=(0, high)))
        ...     for high in (4095, 255)
        ... )
        >>> bool((wide != narrow).all())
        True
    """
    chosen = options.as_config()
    if not chosen:
        return images
    # 4095 and 4095.0 are one range.
    facts = {name: [float(v) for v in chosen[name]] for name in chosen}
    text = json.dumps(facts, sort_keys=True)
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return images ^ np.uint64(int.from_bytes(digest, 'big'))
