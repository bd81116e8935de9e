from collections.abc import Callable

from PIL import Image

from mmlatte.datasets.decode_options_of import decode_options_of
from mmlatte.lmm import load_image

__all__ = ['image_loader']


def image_loader(dataset) -> Callable[[int], Image.Image]:
    """Return what loads an image by its number, as training decodes it.

    Args:
        dataset (Dataset): Has the images.
    """
    options = decode_options_of(dataset)

    def load(index: int) -> Image.Image:
        path = dataset.get_data_info(index)['img_path']
        return load_image(path, options=options)

    return load
