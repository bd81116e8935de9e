"""DICOM: what a viewer would show of it."""

from typing import Any, BinaryIO

import numpy as np

from ..decode_options import DecodeOptions
from ..optional_package import need_package
from ..raster import Raster, check_size

__all__ = ['read_dicom']


def read_dicom(
    file: BinaryIO, max_pixels: int, options: DecodeOptions
) -> Raster | None:
    """Read the first frame: rescaled, windowed, the right way round.

    A chosen range takes the place of the file's window. Padding counts as
    not measured.

    Returns:
        Raster | None: None if the file is no DICOM.
    """
    if file.read(132)[128:] != b'DICM':
        return None
    pydicom = need_package('pydicom', 'DICOM')
    file.seek(0)
    data = pydicom.dcmread(file)
    if 'PixelData' not in data:
        raise ValueError('this DICOM holds no image')
    check_size(data.Columns, data.Rows, max_pixels)
    values = pydicom.pixels.pixel_array(data, index=0)
    kind = data.PhotometricInterpretation
    if kind == 'PALETTE COLOR':
        values = pydicom.pixels.apply_color_lut(values, data)
    if values.ndim == 3:
        top = np.iinfo(values.dtype).max
        if kind != 'PALETTE COLOR':
            top = 2**data.BitsStored - 1
        return Raster(values, colour=True, full=(0, top))
    padding = data.get('PixelPaddingValue')
    full = None
    if not data.PixelRepresentation:
        full = np.array([0, 2**data.BitsStored - 1])
    if _rescales(data):
        apply = pydicom.pixels.apply_modality_lut
        values = apply(values, data).astype(np.float32)
        if full is not None and 'ModalityLUTSequence' not in data:
            full = apply(full, data)
        if padding is not None:
            padding = float(np.float32(apply(np.array([padding]), data)[0]))
    window, stored = None, values
    if options.range is None:
        values, window = _window(pydicom, data, values)
    if padding is not None and values is not stored:
        values = values.astype(np.float32)
        values[stored == padding] = np.nan
        padding = None
    shown = full if window is None else window
    return Raster(
        values,
        full=None if shown is None else (float(shown[0]), float(shown[1])),
        windowed=window is not None,
        counts=True,
        no_data=padding,
        inverted=kind == 'MONOCHROME1',
    )


def _rescales(data: Any) -> bool:
    if 'ModalityLUTSequence' in data:
        return True
    slope, start = (
        data.get(name, default)
        for name, default in (('RescaleSlope', 1), ('RescaleIntercept', 0))
    )
    return (slope, start) != (1, 0)


def _window(
    pydicom: Any, data: Any, values: np.ndarray
) -> tuple[np.ndarray, tuple[float, float] | None]:
    """Apply the file's first window (DICOM PS3.3, C.11.2.1.2).

    Returns:
        tuple: Values, and which of them are black and white; None where the
        file has no window.
    """
    if 'VOILUTSequence' in data:
        table = data.VOILUTSequence[0].LUTDescriptor
        shown = pydicom.pixels.apply_voi(values.astype(np.int64), data)
        return shown, (0, 2 ** table[2] - 1)
    if 'WindowCenter' not in data or 'WindowWidth' not in data:
        return values, None
    centre, width = (
        float(np.atleast_1d(data[name].value)[0])
        for name in ('WindowCenter', 'WindowWidth')
    )
    function = data.get('VOILUTFunction', 'LINEAR')
    if function == 'SIGMOID':
        exponent = -4 * (values.astype(np.float32) - centre) / width
        return 1 / (1 + np.exp(exponent)), (0, 1)
    if function == 'LINEAR':
        if width <= 1:
            # A threshold; the range must not be empty.
            return values, (centre - 0.5 - 1e-3, centre - 0.5)
        centre, width = centre - 0.5, width - 1
    return values, (centre - width / 2, centre + width / 2)
