#!/usr/bin/env bash
# Label Studio SDK: checking a task that has predictions.
#
# Expected: LabelInterface.validate_task(task) is True for a task whose data
#   and prediction fit the labelling config, as validate_prediction says.
# Seen: a TypeError for every task with the key "predictions" or
#   "annotations": the method calls validate_prediction() with no prediction.
# Here: the tasks that mmlatte writes are checked in two steps, the data
#   alone and each prediction by validate_prediction.
#
# Exits 1 if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q label-studio-sdk==2.1.2 2>/dev/null
cat > validate.py <<'PY'
import sys
from importlib.metadata import version

from label_studio_sdk.label_interface import LabelInterface

print(
    'python', sys.version.split()[0],
    'label-studio-sdk', version('label-studio-sdk'),
)
interface = LabelInterface(
    '<View><Image name="image" value="$image"/>'
    '<Choices name="choice" toName="image" choice="single">'
    '<Choice value="cat"/><Choice value="dog"/></Choices></View>'
)
prediction = {
    'model_version': 'm',
    'score': 0.9,
    'result': [
        {
            'from_name': 'choice',
            'to_name': 'image',
            'type': 'choices',
            'value': {'choices': ['cat']},
        }
    ],
}
data = {'image': 'https://example.com/1.jpg'}
alone = interface.validate_task({'data': data})
single = interface.validate_prediction(prediction)
print('data alone:', alone, 'prediction alone:', single)
try:
    both = interface.validate_task({'data': data, 'predictions': [prediction]})
except TypeError as error:
    both = f'TypeError: {error}'
print('both:', both)
as_seen = alone and single and str(both).startswith('TypeError')
print('as seen' if as_seen else 'CHANGED')
sys.exit(not as_seen)
PY
venv/bin/python validate.py
