"""Which bands of a file are red, green and blue."""

from collections.abc import Sequence

from .decode_options import DecodeOptionsError
from .raster import Raster

__all__ = ['choose_bands']

COLOURS = (('red', 'r'), ('green', 'g'), ('blue', 'b'))
#: Sentinel-2's, whose names no other sensor has.
SENTINEL_2 = ('b04', 'b03', 'b02')


def choose_bands(
    raster: Raster, bands: Sequence[int] | None
) -> tuple[list[int], int | None]:
    """Return the bands to show, and that of the opacity.

    Without a choice: those that the photometric tag declares; else those
    named red, green and blue (or B04, B03, B02); else the only three; else
    the only one.

    Args:
        raster (Raster): The file's values.
        bands (Sequence[int] | None): A choice, from 1.

    Returns:
        tuple[list[int], int | None]: One or three bands and None or one,
        all from 0.

    Raises:
        DecodeOptionsError: If nothing tells, or there are fewer bands.
    """
    count = raster.values.shape[2]
    if bands is not None:
        if max(bands) > count:
            raise DecodeOptionsError(
                f'bands={tuple(bands)}, but {_listed(raster)}'
            )
        return [band - 1 for band in bands], None
    alpha = raster.alpha if _is_opacity(raster) else None
    rest = [band for band in range(count) if band != raster.alpha]
    if raster.colour:
        return [0, 1, 2], alpha
    named = _by_name(raster.names)
    if named is not None:
        return named, alpha
    if len(rest) in (1, 3):
        return rest, alpha
    raise DecodeOptionsError(
        f'{_listed(raster)}, and nothing tells which of them are red, green '
        'and blue: give their numbers, e.g. --bands 4 3 2 (in a config '
        'bands=(4, 3, 2) of mmlatte.LoadImage), or one number for grey'
    )


def _by_name(names: Sequence[str]) -> list[int] | None:
    lower = [name.strip().lower() for name in names]
    for wanted in (COLOURS, [(name,) for name in SENTINEL_2]):
        found = [
            [band for band, name in enumerate(lower) if name in spellings]
            for spellings in wanted
        ]
        if all(len(bands) == 1 for bands in found):
            return [bands[0] for bands in found]
    return None


def _is_opacity(raster: Raster) -> bool:
    """Whether the tagged band is one.

    A cut-out is mostly fully clear or fully opaque; a near-infrared band
    mostly neither.
    """
    if raster.alpha is None or raster.trusted:
        return raster.alpha is not None
    values = raster.values[..., raster.alpha]
    if values.dtype.kind != 'u':
        return False
    clear, opaque = values == 0, values >= raster.opaque
    both = clear.any() and opaque.any()
    return bool(both and (clear | opaque).mean() >= 0.5)


def _listed(raster: Raster) -> str:
    count = raster.values.shape[2]
    names = [*raster.names, *[''] * count][:count]
    listed = ', '.join(
        f'{n} {name}'.strip() for n, name in enumerate(names[:20], start=1)
    )
    more = ', ...' if count > 20 else ''
    return f'it has {count} band{"s" * (count > 1)} ({listed}{more})'
