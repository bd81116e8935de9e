#!/usr/bin/env bash
# Expected: open_clip's list of ImageNet's 1,000 class names has 1,000 names,
# and a zero-shot classifier made of it can answer each class.
# Behaviour: two pairs of classes bear one name: 657 and 744 are "missile", 836
# and 837 "sunglasses". Their text features are equal, so that the first of a
# pair takes all images: classes 744 and 837 are never answered.
# Do: call 744 a projectile and 836 a sunglass, as WordNet does.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q open_clip_torch==3.3.0 torch==2.14.1 torchvision==0.29.1 || exit 2
env/bin/python - <<'PY'
from collections import defaultdict

import open_clip
import torch

print('open_clip', open_clip.__version__, '| torch', torch.__version__)
places = defaultdict(list)
for number, name in enumerate(open_clip.IMAGENET_CLASSNAMES):
    places[name].append(number)
repeated = {name: rows for name, rows in places.items() if len(rows) > 1}
print(len(open_clip.IMAGENET_CLASSNAMES), 'names, given twice:', repeated)

# Any text tower reads equal texts alike; this one has random weights.
model = open_clip.create_model('RN50', pretrained=None).eval()
names = [n for n in open_clip.IMAGENET_CLASSNAMES if n in repeated]
tokens = open_clip.get_tokenizer('RN50')([f'a photo of a {n}.' for n in names])
with torch.inference_mode():
    weights = model.encode_text(tokens, normalize=True)
    images = torch.nn.functional.normalize(torch.randn(1000, 1024), dim=1)
    answers = (images @ weights.T).argmax(1).bincount(minlength=4).tolist()
print('answers to 1,000 made images:', dict(zip(range(4), answers)), names)
expected = {'missile': [657, 744], 'sunglasses': [836, 837]}
equal = torch.equal(weights[0], weights[1])
raise SystemExit(not (repeated == expected and equal and answers[1] == 0))
PY
