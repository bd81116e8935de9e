"""Export to a file that runs with PyTorch alone (also from C++)."""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from mmlatte.models.clip import OpenCLIP

from .bundle import Bundle, Preprocessing
from .classifier_graph import ClassifierGraph
from .pixels import read_pixels

__all__ = ['CARD', 'check', 'predict', 'save']

FILE = 'model.torchscript.pt'
CARD = """\
```python
import json, torch
from torchvision.transforms import v2
from PIL import Image, ImageOps

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
    image = ImageOps.exif_transpose(Image.open('image.jpg')).convert('RGB')
    logits, features = model(prepare(image).unsqueeze(0))
print(about['classes'][logits.argmax()], logits.softmax(dim=1).max())
```
"""


def check(clip: OpenCLIP | None) -> None:
    """Accept everything: a traced graph needs PyTorch alone.

    Args:
        clip (OpenCLIP | None): Not used.
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


def predict(
    folder: Path, images: Sequence[Image.Image]
) -> tuple[Tensor, Tensor]:
    """Classify images with the saved file, one by one and as one batch.

    Args:
        folder (Path): Folder of the export.
        images (Sequence[Image.Image]): N upright RGB images.

    Returns:
        tuple[Tensor, Tensor]: Unit features (N, D), probabilities (N, C).
    """
    about = json.loads((folder / 'classifier.json').read_text('utf-8'))
    how = Preprocessing(**about['preprocessing'])
    model = torch.jit.load(str(folder / FILE))
    pixels = torch.stack(
        [torch.from_numpy(read_pixels(image, how)) for image in images]
    )
    with torch.no_grad():
        first = model(pixels[:1])
        rest = model(pixels[1:]) if len(pixels) > 1 else first
    logits, features = (
        torch.cat(pair)[: len(images)]
        for pair in zip(first, rest, strict=True)
    )
    return features, logits.softmax(dim=1)
