#!/usr/bin/env bash
# Expected: an array of red, green, blue and near infrared, written as TIFF and
# made smaller, keeps its red, green and blue.
# Behaviour: tifffile tags the fourth band as opacity (ExtraSamples 2) unless
# told otherwise. Pillow then opens RGBA and weights colours by that band when
# it resizes: where it is 0 (water in near infrared), all becomes black.
# Converted to RGB before resizing, the colours stay.
# Do: write extrasamples=['unspecified']; convert('RGB') before any resize.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q pillow==13.0.0 tifffile==2026.3.3 numpy==2.4.6 || exit 2
env/bin/python - <<'PY'
import numpy as np
import PIL
import tifffile
from PIL import Image

print('Pillow', PIL.__version__, '| tifffile', tifffile.__version__)
bands = np.full((64, 64, 4), (40, 120, 200, 0), np.uint8)  # water
bands[:, 32:] = (90, 110, 60, 255)  # meadow
tifffile.imwrite('bands.tif', bands, photometric='rgb')
with tifffile.TiffFile('bands.tif') as file:
    tag = int(file.pages[0].extrasamples[0])
print('ExtraSamples of the fourth band:', tag)

image = Image.open('bands.tif')
water = {
    'resize, then RGB': image.resize((8, 8)).convert('RGB'),
    'RGB, then resize': image.convert('RGB').resize((8, 8)),
}
water = {k: image.getpixel((0, 0)) for k, image in water.items()}
print(f'mode {image.mode}; water written as (40, 120, 200):', water)
expected = {
    'resize, then RGB': (0, 0, 0),
    'RGB, then resize': (40, 120, 200),
}
raise SystemExit(not (tag == 2 and image.mode == 'RGBA' and water == expected))
PY
