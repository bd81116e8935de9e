#!/usr/bin/env bash
# Expected: Pillow opens a TIFF of three 16-bit bands with its values, or says
# that it cannot, as it keeps those of a single 16-bit band.
# Behaviour: it opens as mode RGB, 8 bits; the low byte of every value is gone
# without a warning. A 12-bit sensor (0 to 4095) is left with 16 levels.
# Do: read such files with tifffile and scale by the sensor's range.
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
rgb = np.full((8, 8, 3), 300, np.uint16)
rgb[4:] = 3000
tifffile.imwrite('rgb.tif', rgb, photometric='rgb')
tifffile.imwrite('grey.tif', rgb[..., 0], photometric='minisblack')

seen = {}
for name in ('grey', 'rgb'):
    image = Image.open(f'{name}.tif')
    seen[name] = image.mode, np.unique(np.asarray(image)).tolist()
    stored = np.unique(tifffile.imread(f'{name}.tif')).tolist()
    print(f'{name}: in the file {stored}, Pillow {seen[name]}')
same = seen == {'grey': ('I;16', [300, 3000]), 'rgb': ('RGB', [1, 11])}
raise SystemExit(not same)
PY
