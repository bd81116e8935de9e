"""Reading new images as the model's own were read."""

import logging
from collections.abc import Sequence

from mmengine.logging import print_log

from mmlatte.datasets.transforms import LoadImage
from mmlatte.decode_image import DecodeOptions, look_at_folder
from mmlatte.decode_image.folder_range import SAMPLE

from .inferencer import Inferencer

__all__ = ['suit_images']


def suit_images(
    inferencer: Inferencer,
    images: Sequence[str],
    range: Sequence[float] | None = None,
    bands: Sequence[int] | None = None,
) -> None:
    """Set range and bands of an inferencer for images.

    A choice given here counts, else the model's own; without one the range
    is measured on a sample of the images, where they declare none.

    Args:
        inferencer (Inferencer): Changed.
        images (Sequence[str]): All files that it will see.
        range (Sequence[float], optional): See `DecodeOptions`.
        bands (Sequence[int], optional): See `DecodeOptions`.
    """
    load = inferencer.pipeline[0]
    if not isinstance(load, LoadImage):
        return
    options = DecodeOptions(
        load.options.range if range is None else range,
        load.options.bands if bands is None else bands,
    )
    sample = images[:: max(1, -(-len(images) // SAMPLE))]
    look = look_at_folder(sample, options, load.max_pixels)
    if look.measured or look.mostly_dark:
        print_log(f'pixels: {look}', 'current', level=logging.WARNING)
    inferencer.set_decoding(look.options)
