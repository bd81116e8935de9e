from collections.abc import Sequence

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from mmlatte.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadImage(BaseTransform):
    """Decode an image of any kind with Pillow to 8-bit BGR.

    Plain RGB images come out as Pillow decodes them. EXIF rotation is
    applied, the first frame of an animation is taken, transparency is
    blended with `background`, 16-bit grey values are scaled to 8 bits.

    Required keys: ``img_path``. Added keys: ``img`` (H, W, 3), ``img_shape``
    and ``ori_shape``.

    Args:
        background (Sequence[int]): RGB colour behind transparent pixels.
            Defaults to white.
        max_pixels (int): Larger JPEGs are decoded at 1/2, 1/4 or 1/8 of
            their size; what is still larger is refused. Defaults to
            89,478,485 (Pillow's own limit, 256 MB).
        draft_size (int, optional): Decode JPEGs at the smallest of 1/1, 1/2,
            1/4 and 1/8 whose shorter side is at least this. Much faster for
            photos, but pixels differ slightly from those of a full decode.
            Defaults to None.
    """

    def __init__(
        self,
        background: Sequence[int] = (255, 255, 255),
        max_pixels: int = 89_478_485,
        draft_size: int | None = None,
    ) -> None:
        self.background = tuple(background)
        self.max_pixels = max_pixels
        self.draft_size = draft_size

    def transform(self, results: dict) -> dict:
        """Load ``results['img_path']``, unless there is an ``img`` already.

        Raises:
            RuntimeError: If the file cannot be decoded, or is too large.
        """
        if 'img' in results:  # mmpretrain's inferencers load images first
            return results
        image = self.load(results['img_path'])
        results['img'] = image
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        return results

    def load(self, path: str) -> np.ndarray:
        """Return the (H, W, 3) BGR pixels of a file, uint8."""
        try:
            with open(path, 'rb') as file, _open(file) as image:
                self._shrink(image)
                return mmcv.rgb2bgr(np.asarray(self._to_rgb(image)))
        except FileNotFoundError:
            raise FileNotFoundError(
                f"Image '{path}' does not exist."
            ) from None
        except MemoryError:
            raise
        except Exception as error:  # Decoders raise whatever they like.
            raise RuntimeError(
                f"Cannot read image '{path}': {error}"
            ) from error

    def _shrink(self, image: Image.Image) -> None:
        if isinstance(image, JpegImageFile):
            width, height = image.size
            step = 1
            if self.draft_size:
                while (
                    step < 8 and min(image.size) >= step * 2 * self.draft_size
                ):
                    step *= 2
            while step < 8 and width * height > step**2 * self.max_pixels:
                step *= 2
            image.draft(image.mode, (width // step, height // step))
        width, height = image.size
        if width * height > self.max_pixels:
            raise ValueError(
                f'it has {width} x {height} pixels, more than '
                f'max_pixels={self.max_pixels}; make it smaller or raise '
                'max_pixels of LoadImage.'
            )

    def _to_rgb(self, image: Image.Image) -> Image.Image:
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode == 'RGB' and 'transparency' not in image.info:
            return image
        if image.mode == 'I' or image.mode.startswith('I;16'):
            return _from_16_bit(image).convert('RGB')
        if image.mode == 'F':
            raise ValueError('floating-point pixels have no known range.')
        if image.has_transparency_data:
            image = image.convert('RGBA')
            canvas = Image.new('RGBA', image.size, (*self.background, 255))
            image = Image.alpha_composite(canvas, image)
        return image.convert('RGB')

    def __repr__(self) -> str:
        return (
            f'{self.__class__.__name__}(background={self.background}, '
            f'max_pixels={self.max_pixels}, draft_size={self.draft_size})'
        )


def _open(file) -> Image.Image:
    """``Image.open`` that leaves the size of JPEGs to the caller."""
    try:
        return Image.open(file)
    except Image.DecompressionBombError:
        file.seek(0)
        if file.read(2) != b'\xff\xd8':
            raise
        file.seek(0)
        return JpegImageFile(file)


def _from_16_bit(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError('32-bit integer pixels have no known range.')
    return Image.fromarray((values // 257).astype(np.uint8))
