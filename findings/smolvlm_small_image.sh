#!/usr/bin/env bash
# Expected: the image processor of SmolVLM (as that of Idefics3) splits images
# larger than one crop of 364 px; a smaller image is one crop.
# Behaviour: every image is first enlarged to 4 x 364 px. A tile of 64 px then
# becomes 16 crops and one overview, as many as an image of 1,456 px has, and
# the language model reads 17 times the tokens. Qwen2-VL's processor follows
# the size of the image.
# Do: do_image_splitting=False for small images: one crop.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q transformers==5.24.0 pillow==13.0.0 numpy==2.4.6 || exit 2
TRANSFORMERS_VERBOSITY=error env/bin/python - <<'PY'
import numpy as np
import transformers
from PIL import Image
from transformers import Qwen2VLImageProcessorPil, SmolVLMImageProcessorPil

print('transformers', transformers.__version__, '| numpy', np.__version__)
smol, qwen = SmolVLMImageProcessorPil(), Qwen2VLImageProcessorPil()
seen = {}
for size in (64, 364, 1456):
    image = Image.new('RGB', (size, size), 'green')
    crops, whole = (
        smol(image, return_tensors='np', **options)['pixel_values'].shape[1]
        for options in ({}, dict(do_image_splitting=False))
    )
    grid = qwen(image, return_tensors='np')['image_grid_thw'][0].tolist()
    seen[size] = crops, whole
    print(
        f'{size} px: SmolVLM {crops} crops, {whole} without splitting; '
        f'Qwen2-VL {grid[1]} x {grid[2]} patches'
    )
raise SystemExit(seen != dict.fromkeys((64, 364, 1456), (17, 1)))
PY
