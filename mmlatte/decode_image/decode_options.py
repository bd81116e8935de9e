from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ['DecodeOptions', 'DecodeOptionsError']


class DecodeOptionsError(ValueError):
    """A file can be read once an option is given; the message names it."""


@dataclass(frozen=True)
class DecodeOptions:
    """What a file alone does not tell; one choice for a whole folder.

    Args:
        range (Sequence[float], optional): The values that become black and
            white. It is for values of more than 8 bits; images of 8 bits
            stay as they are. Defaults to what a file declares: its bits, a
            DICOM's window.
        bands (Sequence[int], optional): Numbers, from 1, of the bands that
            are red, green and blue, or of one that is grey. Defaults to what
            a file declares, see `choose_bands`.

    Raises:
        ValueError: If the range is empty, or there are not 1 or 3 bands.

    Examples:
        >>> DecodeOptions([0, 4095]).as_config()
        {'range': (0, 4095)}
    """

    range: Sequence[float] | None = None
    bands: Sequence[int] | None = None

    def __post_init__(self) -> None:
        if self.range is not None:
            object.__setattr__(self, 'range', tuple(self.range))
            if len(self.range) != 2 or not self.range[0] < self.range[1]:
                raise ValueError(
                    f'range={self.range}: give the value that becomes black '
                    'and a larger one that becomes white'
                )
        if self.bands is not None:
            object.__setattr__(self, 'bands', tuple(self.bands))
            if len(self.bands) not in (1, 3) or min(self.bands) < 1:
                raise ValueError(
                    f'bands={self.bands}: give the numbers, from 1, of the '
                    'red, green and blue band, or of one band that is grey'
                )

    def as_config(self) -> dict:
        """Return what was chosen, as arguments of ``mmlatte.LoadImage``."""
        chosen = dict(range=self.range, bands=self.bands)
        return {k: v for k, v in chosen.items() if v is not None}
