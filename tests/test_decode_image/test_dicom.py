import io

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from mmlatte.decode_image import DecodeOptionsError


def dicom(values, kind='MONOCHROME2', bits=8, **more) -> bytes:
    """Return a secondary capture as a file."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = SecondaryCaptureImageStorage
    data.SOPInstanceUID = generate_uid()
    if values is not None:
        data.set_pixel_data(np.array(values), kind, bits)
    for name, value in more.items():
        setattr(data, name, value)
    file = io.BytesIO()
    pydicom.dcmwrite(file, data, enforce_file_format=True)
    return file.getvalue()


GREY = np.array([[0, 1000, 2000, 4095]], np.uint16)


def test_bits_that_are_stored(pixels):
    found = pixels(dicom(GREY, bits=12))
    assert found[0, :, 0].tolist() == [0, 62, 125, 255]
    eight = np.array([[0, 100, 255]], np.uint8)
    assert pixels(dicom(eight))[0, :, 2].tolist() == [0, 100, 255]


def test_monochrome1_is_turned_around(pixels):
    found = pixels(dicom(GREY, 'MONOCHROME1', bits=12))
    assert found[0, :, 0].tolist() == [255, 193, 130, 0]


def test_rescaled_and_windowed(pixels):
    """Hounsfield units: -1000 is air, the window is -160 to 240."""
    stored = np.array([[864, 964, 1074, 1264, 3000]], np.uint16)
    file = dicom(
        stored,
        bits=12,
        RescaleSlope=1,
        RescaleIntercept=-1024,
        WindowCenter=['40', '400'],
        WindowWidth=['400', '2000'],
        VOILUTFunction='LINEAR_EXACT',
    )
    # -160, -60, 50, 240, 1976
    assert pixels(file)[0, :, 0].tolist() == [0, 64, 134, 255, 255]
    chosen = pixels(file, range=(-160, 1976))
    assert chosen[0, :, 0].tolist() == [0, 12, 25, 48, 255]


def test_the_usual_window_is_half_a_value_off(pixels):
    values = np.array([[0, 1, 2, 3, 4]], np.uint16)
    file = dicom(values, bits=12, WindowCenter=2, WindowWidth=4)
    # PS3.3 C.11.2.1.2.1: black up to 0, white above 3.
    assert pixels(file)[0, :, 0].tolist() == [0, 85, 170, 255, 255]


def test_signed_values_without_window(pixels):
    values = np.array([[-1000, 0, 1000]], np.int16)
    with pytest.raises(DecodeOptionsError, match=r'int16.*--range'):
        pixels(dicom(values, bits=16))
    found = pixels(dicom(values, bits=16), range=(-1000, 1000))
    assert found[0, :, 0].tolist() == [0, 128, 255]


def test_padding_is_black(pixels):
    values = np.array([[-2000, 0, 500, 1000]], np.int16)
    file = dicom(
        values,
        'MONOCHROME1',
        bits=16,
        PixelPaddingValue=-2000,
        RescaleSlope=2,
        RescaleIntercept=0,
    )
    found = pixels(file, range=(0, 2000))
    assert found[0, :, 0].tolist() == [0, 255, 128, 0]


def test_colours(pixels):
    rgb = np.array([[[255, 0, 10], [0, 200, 0]]], np.uint8)
    np.testing.assert_array_equal(pixels(dicom(rgb, 'RGB')), rgb)
    ybr = np.array([[[76, 85, 255], [0, 128, 128]]], np.uint8)
    found = pixels(dicom(ybr, 'YBR_FULL'))
    assert found.tolist() == [[[254, 0, 0], [0, 0, 0]]]


def test_the_first_of_many_frames(pixels):
    frames = np.stack([np.full((4, 5), v, np.uint8) for v in (10, 200)])
    found = pixels(dicom(frames))
    assert found.shape == (4, 5, 3) and (found == 10).all()


def test_no_image_inside(pixels):
    with pytest.raises(ValueError, match='holds no image'):
        pixels(dicom(None))
