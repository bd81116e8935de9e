#!/usr/bin/env bash
# Expected: mmcv.adjust_hue takes factors from -0.5 to 0.5, as its docstring
# says; ColorJitter(hue=...) of mmpretrain draws from both sides of 0.
# Behaviour: with numpy 2 a negative factor raises OverflowError (it becomes a
# negative number for uint8), a positive one works: training ends at the first
# image whose draw is negative.
# Do: torchvision's ColorJitter, or hue=0.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q mmcv-lite==2.2.0 mmengine==0.10.7 numpy==2.4.6 || exit 2
env/bin/python - <<'PY'
import mmcv
import numpy as np

print('mmcv', mmcv.__version__, '| numpy', np.__version__)
image = np.full((4, 4, 3), (40, 120, 200), np.uint8)
seen = []
for factor in (0.1, -0.1):
    try:
        found = mmcv.adjust_hue(image, factor)[0, 0].tolist()
        seen.append(True)
    except OverflowError as error:
        found = f'OverflowError: {error}'
        seen.append(False)
    print(f'hue {factor:+}: {found}')
raise SystemExit(seen != [True, False])
PY
