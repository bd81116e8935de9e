"""The picture that an LMM gets of an image."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

__all__ = ['PictureOptions', 'View', 'choose_view', 'fit_picture']

#: The crop of LLaVA's vision tower. It is 144 tokens of a Qwen2-VL, whose
#: own least is 4, and no family splits an image of this size for its size.
LEAST_PIXELS = 336 * 336

SPLITS = ('size', 'always', 'never')

#: How a family that always adds crops to the whole shows the whole alone:
#: LLaVA-NeXT without its grid, LLaVA-OneVision as a film of one frame.
WHOLE = {'LlavaNextProcessor': 'whole', 'LlavaOnevisionProcessor': 'frame'}


@dataclass(frozen=True)
class PictureOptions:
    """How large and in how many crops an LMM sees images.

    Args:
        min_pixels (int): A smaller image is enlarged to as many (Lanczos).
        max_pixels (int | None): A larger one is reduced to as many; None
            leaves that to the model's processor.
        split (str): ``'size'`` lets the processor cut an image into no more
            crops than it has pixels for, ``'always'`` into as many as the
            processor is set to, ``'never'`` into none. Only
            ``TransformersLMM`` has a choice; a server decides on its own.
    """

    min_pixels: int = LEAST_PIXELS
    max_pixels: int | None = None
    split: str = 'size'

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ValueError(f'lmm.picture: split={self.split!r}: {SPLITS}')
        if self.min_pixels < 1:
            raise ValueError(
                f'lmm.picture: min_pixels={self.min_pixels} must be at least '
                '1, which enlarges nothing'
            )
        if self.max_pixels is not None and self.max_pixels < self.min_pixels:
            raise ValueError(
                f'lmm.picture: max_pixels={self.max_pixels} is less than '
                f'min_pixels={self.min_pixels}'
            )

    def without_split(self, backend: str, instead: str) -> 'PictureOptions':
        """Return the options of a backend that cannot decide on crops.

        Args:
            backend (str): Its name.
            instead (str): Where crops are set.

        Raises:
            ValueError: If ``split`` was set.
        """
        if self.split != 'size':
            raise ValueError(
                f'{backend}: lmm.picture cannot set split={self.split!r} '
                f'here; set it in {instead}'
            )
        return self


def fit_picture(image: Image.Image, options: PictureOptions) -> Image.Image:
    """Bring an image to a size between the limits, aspect preserved.

    Examples:
        >>> tile = Image.new('RGB', (64, 64))
        >>> fit_picture(tile, PictureOptions()).size
        (336, 336)
        >>> fit_picture(tile, PictureOptions(min_pixels=1)).size
        (64, 64)
    """
    pixels = image.width * image.height
    wanted = max(pixels, options.min_pixels)
    if options.max_pixels is not None:
        wanted = min(wanted, options.max_pixels)
    if wanted == pixels:
        return image
    scale = math.sqrt(wanted / pixels)
    size = (
        max(1, round(image.width * scale)),
        max(1, round(image.height * scale)),
    )
    return image.resize(size, Image.Resampling.LANCZOS)


@dataclass(frozen=True)
class View:
    """How a processor shows a picture.

    Args:
        settings (tuple): Names and values of its image processor's settings.
        whole (str): A value of `WHOLE`, or empty for the processor's way.
    """

    settings: tuple[tuple[str, Any], ...] = ()
    whole: str = ''


def choose_view(
    processor: str,
    facts: Mapping[str, Any],
    size: tuple[int, int],
    split: str,
) -> View:
    """Choose the crops of a picture.

    More crops than an image has pixels for show nothing more, and each costs
    as many tokens as a whole image.

    Args:
        processor (str): Name of the processor's class.
        facts (Mapping[str, Any]): Settings of its image processor.
        size (tuple[int, int]): Width and height of the picture.
        split (str): See `PictureOptions`.
    """
    if split == 'always':
        return View()
    if facts.get('do_image_splitting'):  # Idefics3, SmolVLM
        return _by_crops_of_a_side(facts, size, split)
    if 'vision_input_type' in facts:  # Perception-LM
        count = _crops(size, facts['tile_size'], split)
        if count == 1:
            return View((('vision_input_type', 'vanilla'),))
        most = min(count, facts['max_num_tiles'])
        return View((('max_num_tiles', most),))
    if 'crop_to_patches' in facts:  # InternVL: grids by aspect alone
        if _crops(size, facts['size']['height'], split) == 1:
            return View((('crop_to_patches', False),))
        return View()
    if processor in WHOLE and _crops(size, _side(facts), split) == 1:
        return View(whole=WHOLE[processor])
    return View()


def _crops(size: tuple[int, int], side: int, split: str) -> int:
    """How many crops hold an image without reducing it."""
    if split == 'never':
        return 1
    return math.prod(math.ceil(length / side) for length in size)


def _by_crops_of_a_side(
    facts: Mapping[str, Any], size: tuple[int, int], split: str
) -> View:
    """These enlarge every image to the same longest edge, then cut it."""
    side = facts['max_image_size']['longest_edge']
    wanted = side
    if split == 'size':
        wanted *= math.ceil(max(size) / side)
    if wanted >= facts['size']['longest_edge']:
        return View()
    return View((('size', (('longest_edge', wanted),)),))


def _side(facts: Mapping[str, Any]) -> int:
    size = facts['size']
    return size.get('shortest_edge') or size['height']
