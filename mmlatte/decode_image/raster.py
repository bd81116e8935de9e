from dataclasses import dataclass

import numpy as np

__all__ = ['Raster', 'check_size']


@dataclass
class Raster:
    """Values as a file holds them, before they are made visible.

    Args:
        values (np.ndarray): (H, W, C), of any kind of number.
        names (tuple[str, ...]): Of the bands; empty where not known.
        colour (bool): Whether the first three are red, green and blue.
        alpha (int | None): The band that is tagged as opacity.
        trusted (bool): Whether it surely is: files of some programs tag a
            near-infrared band so.
        associated (bool): Whether the others were multiplied by it.
        full (tuple[float, float] | None): The values that are black and
            white as the file declares, or as large as its numbers can be;
            None where that tells nothing: signed numbers, fractions.
        windowed (bool): Whether `full` was chosen for this very image.
        counts (bool): Whether they stand for whole numbers or physical units
            though they may be stored as fractions.
        inverted (bool): Whether the smallest value is white.
        no_data (float | None): A value that stands for no measurement.
        turn (int): EXIF orientation.
    """

    values: np.ndarray
    names: tuple[str, ...] = ()
    colour: bool = False
    alpha: int | None = None
    trusted: bool = False
    associated: bool = False
    full: tuple[float, float] | None = None
    windowed: bool = False
    counts: bool = False
    inverted: bool = False
    no_data: float | None = None
    turn: int = 1

    def __post_init__(self) -> None:
        if self.values.ndim == 2:
            self.values = self.values[..., None]

    @property
    def deep(self) -> bool:
        """bool: Whether values have more than 8 bits."""
        return self.values.dtype.itemsize > 1

    @property
    def opaque(self) -> int:
        """int: The value of full opacity: the largest of a file's bits."""
        if self.full is not None:
            return int(self.full[1])
        return int(np.iinfo(self.values.dtype).max)

    @property
    def fractions(self) -> bool:
        """bool: Whether values are on a scale of fractions."""
        return self.values.dtype.kind == 'f' and not self.counts

    def measured(self, bands: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return values of bands, and which of them were measured.

        Args:
            bands (list[int]): From 0.

        Returns:
            tuple[np.ndarray, np.ndarray]: (H, W, n) and bool (H, W, n).
        """
        values = self.values[..., bands]
        valid = np.isfinite(values)
        if self.no_data is not None:
            mark: float = self.no_data
            if values.dtype.kind == 'f':
                # The tag is text: float32 values are the nearest float32.
                with np.errstate(over='ignore'):
                    mark = values.dtype.type(mark)
            elif mark.is_integer():
                mark = int(mark)
            valid &= values != mark
        return values, valid


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Refuse images that would fill the memory, before they are decoded.

    Raises:
        ValueError: If there are more pixels than `max_pixels`.
    """
    if width * height > max_pixels:
        raise ValueError(
            f'it has {width} x {height} pixels, more than '
            f'max_pixels={max_pixels}; make it smaller, or raise the limit'
        )
