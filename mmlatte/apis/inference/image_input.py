"""What a user may give an inferencer: files, and images in memory."""

import os
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from PIL import Image

from mmlatte.archives import is_archived, open_image
from mmlatte.datasets.transforms import LoadImage
from mmlatte.decode_image.formats.pillow_file import (
    blend,
    load_upright,
    plain_raster,
)
from mmlatte.decode_image.raster import Raster
from mmlatte.decode_image.value_range import raster_to_rgb

from .find_images import find_images

__all__ = ['image_to_bgr', 'list_inputs', 'shown_image']

TAKEN = (
    'an inferencer takes files, folders and globs, the content of a file '
    '(bytes, or a file that is open for reading bytes), PIL images, arrays '
    '(H, W), (H, W, 1), BGR (H, W, 3) or BGRA (H, W, 4), tensors (H, W), '
    '(1, H, W), RGB (3, H, W) or RGBA (4, H, W), and lists of them; numbers '
    'are uint8, uint16, or fractions from 0 to 1, others with a range'
)


def list_inputs(inputs) -> list:
    """List images; files as paths.

    Args:
        inputs: Whatever `TAKEN` names.

    Returns:
        list: Of str, bytes, arrays, tensors, PIL images, and errors in place
        of images that cannot be read.

    Raises:
        TypeError: If something is of another kind.
    """
    if isinstance(inputs, (str, os.PathLike)):
        return find_images(inputs)
    if isinstance(inputs, (bytes, bytearray, memoryview)):
        return [bytes(inputs)]
    if isinstance(inputs, Image.Image):
        # Workers would share the place in its file.
        try:
            inputs.load()
        except Exception as error:  # Decoders raise whatever they like.
            return [error]
        return [inputs]
    if isinstance(inputs, (np.ndarray, torch.Tensor)):
        if inputs.ndim == 4:
            return list(inputs)
        return [inputs]
    if isinstance(inputs, Mapping) or inputs is None:
        raise TypeError(f'{type(inputs).__name__}: {TAKEN}')
    if hasattr(inputs, 'read'):  # any object that behaves like a file
        content = inputs.read()
        if not isinstance(content, bytes):
            raise TypeError(f'a file that is open as text: {TAKEN}')
        return [content]
    if isinstance(inputs, Iterable):
        return [image for item in inputs for image in list_inputs(item)]
    raise TypeError(f'{type(inputs).__name__}: {TAKEN}')


def image_to_bgr(image, load: BaseTransform) -> np.ndarray:
    """Return an image in memory as 8-bit BGR, (H, W, 3).

    Args:
        image: Of `list_inputs`, but no path.
        load (BaseTransform): The first of the pipeline: a range, bands and
            the colour behind transparent pixels are its own.

    Raises:
        Exception: The image itself, where it is one.
        ValueError: If numbers or shape are of no image.
    """
    if isinstance(image, Exception):
        raise image
    if isinstance(image, np.ndarray) and image.dtype == np.uint8:
        if image.ndim == 3 and image.shape[2] == 3:
            return image
    load = load if isinstance(load, LoadImage) else LoadImage()
    if isinstance(image, bytes):
        return load.load(image)
    if isinstance(image, Image.Image):
        found = load_upright(image, load.max_pixels, None)
        if not isinstance(found, Raster):
            if load.options.bands is None:
                return _bgr(blend(found, load.background))
            found = plain_raster(found)
    else:
        found = _raster(image)
    return _bgr(raster_to_rgb(found, load.options, load.background))


def shown_image(item, load: BaseTransform) -> str | np.ndarray:
    """Return what mmpretrain's visualizer draws on.

    Args:
        item: Of `list_inputs`.
        load (BaseTransform): See `image_to_bgr`.

    Returns:
        str | np.ndarray: A file, else RGB (H, W, 3).
    """
    if isinstance(item, str):
        if not is_archived(item):
            return item
        with open_image(item) as file:
            item = file.read()
    return np.ascontiguousarray(image_to_bgr(item, load)[..., ::-1])


def _bgr(image: Image.Image) -> np.ndarray:
    return np.ascontiguousarray(np.asarray(image)[..., ::-1])


def _raster(image: np.ndarray | torch.Tensor) -> Raster:
    """Return numbers in memory as those of a file, RGB(A)."""
    if isinstance(image, torch.Tensor):
        image = image.detach().cpu()
        if image.dtype == torch.bfloat16:
            image = image.float()
        values = image.numpy()
        shape = tuple(values.shape)
        if values.ndim == 3:
            values = np.moveaxis(values, 0, -1)
    else:
        values, shape = image, image.shape
        if values.ndim == 3 and values.shape[2] in (3, 4):
            values = values[..., [2, 1, 0, 3][: values.shape[2]]]
    bands = values.shape[2] if values.ndim == 3 else 1
    if values.ndim not in (2, 3) or not values.size:
        raise ValueError(f'an image of shape {shape}: {TAKEN}')
    if bands == 2 or (bands > 4 and min(values.shape[:2]) in (1, 3, 4)):
        raise ValueError(f'an image of shape {shape}: {TAKEN}')
    full: tuple[float, float] | None = None
    if values.dtype.kind == 'u' and values.dtype.itemsize <= 2:
        full = (0, np.iinfo(values.dtype).max)
    elif values.dtype.kind == 'f' and _are_fractions(values):
        full = (0, 1)
        if bands == 4:
            values = (values * 65535).round().astype(np.uint16)
            full = (0, 65535)
    elif values.dtype.kind not in 'fiu':
        raise ValueError(f'an image of {values.dtype}: {TAKEN}')
    return Raster(
        values,
        colour=bands in (3, 4),
        alpha=3 if bands == 4 and full is not None else None,
        trusted=True,
        full=full,
    )


def _are_fractions(values: np.ndarray) -> bool:
    found = values[np.isfinite(values)]
    return not found.size or (found.min() >= 0 and found.max() <= 1)
