from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from PIL import Image

__all__ = ['AskedImage']


@dataclass
class AskedImage:
    """An image to ask a person about.

    Args:
        id (str): Sample id, the path relative to the folder of images.
        share (float): Of all images that it speaks for, in [0, 1].
        likely (Sequence[str]): Class names, the current guess first.
        index (int): Number of the sample.
        neighbours (Sequence[int]): Numbers of the samples most like it.
        load (Callable): Number of a sample -> its image.
    """

    id: str
    share: float
    likely: Sequence[str]
    index: int
    neighbours: Sequence[int]
    load: Callable[[int], Image.Image] = field(repr=False)

    @property
    def image(self) -> Image.Image:
        """PIL.Image: The image itself."""
        return self.load(self.index)

    @property
    def similar(self) -> list[Image.Image]:
        """list[PIL.Image]: Those most like it, to judge what it is of."""
        return [self.load(number) for number in self.neighbours]
