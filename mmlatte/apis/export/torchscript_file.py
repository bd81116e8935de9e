"""Export to a file that runs with PyTorch alone (also from C++)."""

import json
import warnings
from pathlib import Path

import torch
from torch import Tensor

from mmlatte.apis.export.bundle import Bundle, Preprocessing
from mmlatte.apis.export.classifier_graph import ClassifierGraph
from mmlatte.apis.export.pixels import read_pixels

__all__ = ['CARD', 'predict', 'save']

FILE = 'model.torchscript.pt'
CARD = """\
```python
import json, torch
from torchvision.transforms import v2
from PIL import Image

model = torch.jit.load('model.torchscript.pt')
about = json.load(open('classifier.json'))
how = about['preprocessing']
prepare = v2.Compose([  # for resize_mode "shortest"
    v2.Resize(how['size'], v2.InterpolationMode(how['interpolation'])),
    v2.CenterCrop(how['size']),
    v2.PILToTensor(),
    v2.ToDtype(torch.float32, scale=True),  # the model normalises
])
with torch.no_grad():
    image = prepare(Image.open('image.jpg').convert('RGB')).unsqueeze(0)
    logits, features = model(image)
print(about['classes'][logits.argmax()], logits.softmax(dim=1).max())
```
"""


def save(bundle: Bundle, folder: Path) -> None:
    """Trace the classifier; any batch size can be given to it."""
    graph = ClassifierGraph(bundle).eval()
    size = bundle.preprocessing.size
    example = torch.rand(2, 3, size, size)
    with torch.no_grad(), warnings.catch_warnings():
        # Shapes that are constants for good; torch.jit itself is deprecated
        # but has no successor that C++ programs without Python can run.
        warnings.simplefilter('ignore')
        traced = torch.jit.trace(graph, example)
        torch.jit.save(traced, str(folder / FILE))
    bundle.save_classifier(folder)


def predict(folder: Path, paths: list[str]) -> tuple[Tensor, Tensor]:
    """Classify images with the saved file, one by one and as one batch.

    Args:
        folder (Path): Folder of the export.
        paths (list[str]): N image files.

    Returns:
        tuple[Tensor, Tensor]: Unit features (N, D), probabilities (N, C).
    """
    about = json.loads((folder / 'classifier.json').read_text('utf-8'))
    how = Preprocessing(**about['preprocessing'])
    model = torch.jit.load(str(folder / FILE))
    pixels = torch.stack(
        [torch.from_numpy(read_pixels(path, how)) for path in paths]
    )
    with torch.no_grad():
        first = model(pixels[:1])
        rest = model(pixels[1:]) if len(pixels) > 1 else first
    logits, features = (
        torch.cat(pair)[: len(paths)] for pair in zip(first, rest, strict=True)
    )
    return features, logits.softmax(dim=1)
