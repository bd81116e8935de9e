#!/usr/bin/env bash
# Expected: pydicom's pixel_array is the picture that a viewer shows; since 3.0
# it turns YBR into RGB by itself.
# Behaviour: MONOCHROME1 (DICOM PS3.3 C.7.6.3.1.2: the smallest value is white)
# stays as stored, so a radiograph becomes a negative. apply_voi_lut and
# apply_presentation_lut change nothing either if the file has no Presentation
# LUT Shape. CLIP sees bones black on white.
# Do: turn MONOCHROME1 around after the windowing, e.g. with max - value.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q pydicom==3.0.2 numpy==2.4.6 || exit 2
env/bin/python - <<'PY'
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_presentation_lut, apply_voi_lut
from pydicom.uid import (
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    generate_uid,
)

print('pydicom', pydicom.__version__, '| numpy', np.__version__)


def stored(kind: str, pixels: list) -> Dataset:
    """Write a secondary capture and read it back."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = SecondaryCaptureImageStorage
    ds.SOPInstanceUID = generate_uid()
    ds.StudyInstanceUID = generate_uid()
    ds.SeriesInstanceUID = generate_uid()
    ds.Modality, ds.ConversionType = 'OT', 'WSD'
    ds.PatientName = ds.PatientID = ds.PatientBirthDate = ds.PatientSex = ''
    ds.StudyDate = ds.StudyTime = ds.StudyID = ds.AccessionNumber = ''
    ds.ReferringPhysicianName = ds.SeriesNumber = ds.InstanceNumber = None
    ds.PatientOrientation = None
    ds.set_pixel_data(np.array(pixels, np.uint8), kind, 8)
    ds.save_as(f'{kind}.dcm', enforce_file_format=True)
    return pydicom.dcmread(f'{kind}.dcm')


ybr = stored('YBR_FULL', [[[76, 85, 255], [0, 128, 128]]])
print('YBR_FULL, red and black:', ybr.pixel_array.tolist())
grey = {}
for kind in ('MONOCHROME1', 'MONOCHROME2'):
    ds = stored(kind, [[0, 100, 255]])
    grey[kind] = [
        ds.pixel_array.tolist(),
        apply_voi_lut(ds.pixel_array, ds).tolist(),
        apply_presentation_lut(ds.pixel_array, ds).tolist(),
    ]
    print(f'{kind}, stored 0 100 255; array, VOI, presentation:', grey[kind])
same = ybr.pixel_array.tolist() == [[[254, 0, 0], [0, 0, 0]]]
same &= all(found == [[[0, 100, 255]]] * 3 for found in grey.values())
raise SystemExit(not same)
PY
