import math
from dataclasses import dataclass

from ..prompts import GroupOptions

__all__ = ['ClosedOptions']

#: Where the list of names goes in a prompt.
NAMES = '{names}'


@dataclass(frozen=True)
class ClosedOptions:
    """How closed questions are put.

    Args:
        describe (str): What an image is, such as ``'satellite image'``.
        prompt (str | None): A question of your own, with ``{names}`` in the
            place of the list of names. Defaults to one made from
            ``describe``.
        names (int): Longest list of names; of more classes the likeliest are
            listed. 20 letters are as many as servers report on.
        images (int): 1 shows the image alone; more show a collage of it and
            the images most like it.
        seed (int): Of the order of the names.
        normalise (bool): See `ClosedQuestion`.
        prior (bool): See `ClosedQuestion`.
    """

    describe: str = 'photo'
    prompt: str | None = None
    names: int = 20
    images: int = 1
    seed: int = 0
    normalise: bool = True
    prior: bool = True

    def __post_init__(self) -> None:
        if not 2 <= self.names <= 20:
            raise ValueError(f'names={self.names}: list 2 to 20 names')
        if not 1 <= self.images <= 16:
            raise ValueError(f'images={self.images}: show 1 to 16 images')
        if self.prompt is not None and self.prompt.count(NAMES) != 1:
            raise ValueError(
                f'prompt={self.prompt!r}: put {NAMES} where the list of names '
                'is to be, once'
            )

    @property
    def collage(self) -> GroupOptions:
        """GroupOptions: Layout of several images."""
        columns = math.ceil(math.sqrt(self.images))
        rows = math.ceil(self.images / columns)
        return GroupOptions(self.images, (columns, rows))
