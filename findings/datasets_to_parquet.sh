#!/usr/bin/env bash
# datasets: writing a data set of images as Parquet.
#
# Expected: Dataset.to_parquet holds the images, as save_to_disk does and as
#   the Parquet files of the hub do.
# Seen: images that come from files are written as their paths on this
#   machine, with no byte of them and no warning; moved to another machine the
#   file holds nothing. save_to_disk of the same data set holds the bytes.
# Here: mmlatte refuses a table whose images are paths, and names the first.
#
# Exits 1 if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q datasets==5.2.0 pyarrow==26.0.1 pillow==13.0.0 \
    2>/dev/null || exit 2
cat > write.py <<'PY'
import os
import sys
from importlib.metadata import version

import datasets
import pyarrow as pa
import pyarrow.parquet
from PIL import Image

print('python', sys.version.split()[0], 'datasets', version('datasets'))
datasets.disable_progress_bars()
for label in ('cat', 'dog'):
    os.makedirs(f'images/{label}')
    Image.new('RGB', (8, 8)).save(f'images/{label}/1.png')
images = datasets.load_dataset('imagefolder', data_dir='images')['train']
images.to_parquet('images.parquet')
images.save_to_disk('saved')


def held(table):
    rows = table.column('image').to_pylist()
    return [(row['bytes'] and len(row['bytes']), row['path']) for row in rows]


written = held(pyarrow.parquet.read_table('images.parquet'))
with pa.memory_map('saved/data-00000-of-00001.arrow') as source:
    saved = held(pa.ipc.open_stream(source).read_all())
print('to_parquet', written)
print('save_to_disk', saved)
as_seen = all(
    size is None and os.path.isabs(path) for size, path in written
) and all(size for size, _ in saved)
print('as seen' if as_seen else 'CHANGED')
sys.exit(not as_seen)
PY
HF_HOME="$folder/hub" HF_HUB_OFFLINE=1 venv/bin/python write.py 2>/dev/null
