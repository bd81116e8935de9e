#!/usr/bin/env bash
# FiftyOne: exporting a classification dataset without copying its images.
#
# Expected: one label per sample, and data.json beside labels.json ("create a
#   data.json in the output directory that maps UUIDs used in the labels files
#   to the filepaths of the source media", docstring of the exporter).
# Seen: images of the same name in different folders share a key, so that all
#   but the last label are lost without a warning (copying them numbers the
#   keys instead), and data.json is written to the current directory.
# Here: mmlatte writes absolute paths as keys, which the importer takes as
#   they are, and no data.json.
#
# Exits 1 if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q fiftyone==1.22.1 2>/dev/null
cat > export.py <<'PY'
import json
import os
import sys
from importlib.metadata import version

os.environ['FIFTYONE_DO_NOT_TRACK'] = 'true'
import fiftyone as fo
import fiftyone.utils.data as foud
from PIL import Image

print('python', sys.version.split()[0], 'fiftyone', version('fiftyone'))


def export(folder, **options):
    exporter = foud.FiftyOneImageClassificationDatasetExporter(
        folder, **options
    )
    with exporter:
        for label in ('cat', 'dog'):
            path = os.path.abspath(f'images/{label}/1.jpg')
            exporter.export_sample(path, fo.Classification(label=label))
    with open(f'{folder}/labels.json') as file:
        labels = json.load(file)['labels']
    print(options or 'copied', labels, sorted(os.listdir(folder)))
    return labels


for label in ('cat', 'dog'):
    os.makedirs(f'images/{label}')
    Image.new('RGB', (8, 8)).save(f'images/{label}/1.jpg')
copied = export('copied')
manifest = export('manifest', export_media='manifest')
print('data.json in the current directory:', os.path.exists('data.json'))
as_seen = (
    len(copied) == 2
    and manifest == {'1': 'dog'}
    and os.path.exists('data.json')
    and not os.path.exists('manifest/data.json')
)
print('as seen' if as_seen else 'CHANGED')
sys.exit(not as_seen)
PY
venv/bin/python export.py
