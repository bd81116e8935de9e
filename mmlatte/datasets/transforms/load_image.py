from collections.abc import Sequence

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform

from mmlatte.decode_image import (
    DecodeOptions,
    MissingPackageError,
    decode_image,
)
from mmlatte.decode_image.decode import Source
from mmlatte.registry import TRANSFORMS

#: Pillow's own limit: 256 MB.
MAX_PIXELS = 89_478_485


@TRANSFORMS.register_module()
class LoadImage(BaseTransform):
    """Decode an image of any kind to 8-bit BGR, see `decode_image`.

    Plain RGB images come out as Pillow decodes them. EXIF rotation is
    applied, the first frame of an animation is taken, transparency is
    blended with `background`, values of more than 8 bits are scaled.

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
        range (Sequence[float], optional): The values that become black and
            white, see `DecodeOptions`. Defaults to what a file declares.
        bands (Sequence[int], optional): Numbers, from 1, of the bands that
            are red, green and blue. Defaults to what a file declares.
    """

    def __init__(
        self,
        background: Sequence[int] = (255, 255, 255),
        max_pixels: int = MAX_PIXELS,
        draft_size: int | None = None,
        range: Sequence[float] | None = None,
        bands: Sequence[int] | None = None,
    ) -> None:
        self.background = tuple(background)
        self.max_pixels = max_pixels
        self.draft_size = draft_size
        self.options = DecodeOptions(range, bands)

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

    def load(self, source: Source) -> np.ndarray:
        """Return the (H, W, 3) BGR pixels of a file, uint8.

        Args:
            source (str | PathLike | bytes | BinaryIO): It, or its content.
        """
        name = f" '{source}'" if isinstance(source, str) else ''
        try:
            image = decode_image(
                source,
                self.max_pixels,
                self.draft_size,
                self.background,
                self.options,
            )
            return mmcv.rgb2bgr(np.asarray(image))
        except FileNotFoundError:
            raise FileNotFoundError(
                f"Image '{source}' does not exist."
            ) from None
        except MemoryError:
            raise
        except MissingPackageError as error:
            raise MissingPackageError(
                f'Cannot read image{name}: {error}'
            ) from error
        except Exception as error:  # Decoders raise whatever they like.
            raise RuntimeError(f'Cannot read image{name}: {error}') from error

    def __repr__(self) -> str:
        return (
            f'{self.__class__.__name__}(background={self.background}, '
            f'max_pixels={self.max_pixels}, draft_size={self.draft_size}, '
            f'range={self.options.range}, bands={self.options.bands})'
        )
