"""One range of values for a folder, from a sample of its images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from .bands import choose_bands
from .decode import WHITE, Source, read_image
from .decode_options import DecodeOptions, DecodeOptionsError
from .formats.pillow_file import blend
from .raster import Raster
from .value_range import raster_to_rgb

__all__ = ['FolderRange', 'look_at_folder']

#: Images of the sample, and pixels of each: a thousand values are beyond
#: those percentiles, and it is read in seconds.
SAMPLE, PIXELS = 64, 16_384
#: The percentiles that become black and white: as much as can be shown, but
#: for hot pixels and glints of light.
LOW, HIGH = 0.1, 99.9
#: Values that reach this part of what a file declares fill it: no more than
#: one of its bits is lost.
FILLED = 0.5
#: Mean brightness of an image, of 255, below which people call it black.
DARK = 25


@dataclass(frozen=True)
class FolderRange:
    """What a sample of a folder's images tells.

    Args:
        options (DecodeOptions): How to read them: as chosen, with a range
            where that was measured.
        images (int): Images of the sample that could be read.
        deep (int): Those of them with values of more than 8 bits.
        measured (bool): Whether the range was measured here.
        dark (int): Those that are nearly black.
    """

    options: DecodeOptions
    images: int = 0
    deep: int = 0
    measured: bool = False
    dark: int = 0

    @property
    def mostly_dark(self) -> bool:
        """bool: Whether most images are nearly black."""
        return 2 * self.dark > self.images

    def __str__(self) -> str:
        parts = []
        if self.options.bands is not None:
            parts.append(f'bands {" ".join(map(str, self.options.bands))}')
        if self.options.range is not None and self.deep:
            low, high = self.options.range
            how = f', measured on {self.deep} images' * self.measured
            parts.append(f'values {low:g} to {high:g} are black to white{how}')
        elif self.deep:
            parts.append('values are scaled as the files declare')
        if self.mostly_dark:
            parts.append(
                f'WARNING: {self.dark} of {self.images} are nearly black; if '
                'they should not be, give --range LO HI (in a config '
                'range=(LO, HI) of mmlatte.LoadImage)'
            )
        return '; '.join(parts)


def look_at_folder(
    sources: Sequence[Source],
    options: DecodeOptions,
    max_pixels: int,
) -> FolderRange:
    """Find one range for images whose values have more than 8 bits.

    A range that is chosen is kept. What the files declare (their bits, a
    window) is kept where their values fill it. Else percentiles of a sample
    become black and white. What cannot be read is left to those who read
    all.

    Args:
        sources (Sequence[Source]): The images; the first are the sample.
        options (DecodeOptions): What was chosen.
        max_pixels (int): See `decode_image`.

    Raises:
        DecodeOptionsError: If no image can be read without another option;
            or some hold fractions, others whole numbers.
    """
    found: list[tuple[Source, Raster, list[int]]] = []
    brightness = []
    failed: tuple[str, DecodeOptionsError] | None = None
    for source in sources[:SAMPLE]:
        try:
            image = read_image(source, max_pixels, 1, options)
            if isinstance(image, Raster):
                bands, _ = choose_bands(image, options.bands)
                found.append((source, image, bands))
            else:
                brightness.append(_mean(blend(image, WHITE)))
        except DecodeOptionsError as error:
            failed = failed or (str(source), error)
        except Exception:  # Decoders raise whatever they like.
            continue
    if failed and not found and not brightness:
        name, why = failed
        raise type(why)(f"Cannot read image '{name}': {why}")
    deep = [entry for entry in found if entry[1].deep]
    measured = options.range is None and _measure(deep)
    if measured:
        options = DecodeOptions(measured, options.bands)
    brightness += [
        _mean(raster_to_rgb(raster, options, WHITE)) for _, raster, _ in found
    ]
    return FolderRange(
        options,
        images=len(brightness),
        deep=len(deep),
        measured=bool(measured),
        dark=sum(mean < DARK for mean in brightness),
    )


def _mean(image: Image.Image) -> float:
    small = image.convert('L').reduce(max(1, min(image.size) // 64))
    return float(np.asarray(small).mean())


def _measure(
    found: list[tuple[Source, Raster, list[int]]],
) -> tuple[float, float] | None:
    """Return the range of rasters, None where that they declare is right."""
    values, parts = [], []
    unknown = False
    for _, raster, bands in found:
        if raster.windowed:
            continue
        some = _sample(raster, bands)
        values.append(some)
        if raster.full is None:
            unknown = True
        elif some.size:
            low, high = raster.full
            parts.append((some - low) / (high - low))
    if not values:
        return None
    if not unknown and _filled(parts):
        return None
    kinds = {
        raster.fractions: str(source)
        for source, raster, _ in found
        if not raster.windowed
    }
    if len(kinds) > 1:
        raise DecodeOptionsError(
            f"'{kinds[True]}' holds fractions and '{kinds[False]}' whole "
            'numbers: no range can be measured for both. Give --range LO HI, '
            'or put them into folders of their own'
        )
    together = np.concatenate(values)
    if not together.size:
        return None
    low, high = np.percentile(together, (LOW, HIGH))
    if True not in kinds:
        low, high = np.floor(low), np.ceil(high)
    # Numbers that a person can read, and a config holds exactly.
    low, high = float(f'{low:.6g}'), float(f'{high:.6g}')
    return (low, high) if low < high else (low, low + 1)


def _filled(parts: list[np.ndarray]) -> bool:
    if not parts:
        return True
    return float(np.percentile(np.concatenate(parts), HIGH)) >= FILLED


def _sample(raster: Raster, bands: list[int]) -> np.ndarray:
    values, valid = raster.measured(bands)
    step = max(1, values.shape[0] * values.shape[1] // PIXELS)
    # Whole pixels: a step through the values could meet one band only.
    values = values.reshape(-1, len(bands))[::step]
    valid = valid.reshape(-1, len(bands))[::step]
    return values[valid].astype(np.float64)
