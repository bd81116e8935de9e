"""Export to ONNX, with a dynamic batch size."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mmlatte.models.clip import OpenCLIP

from .bundle import Bundle, Preprocessing
from .classifier_graph import ClassifierGraph
from .pixels import read_pixels

__all__ = ['CARD', 'check', 'predict', 'save']

FILE = 'model.onnx'
#: A protobuf file ends at 2 GB; larger weights go beside it.
ONE_FILE = 1_900_000_000
CARD = """\
```python
import json
import numpy as np, onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession('model.onnx')
about = json.load(open('classifier.json'))
size = about['preprocessing']['size']
image = ImageOps.exif_transpose(Image.open('image.jpg')).convert('RGB')
short = min(image.size)  # for resize_mode "shortest"
image = image.resize([int(size * side / short) for side in image.size],
                     Image.Resampling.BICUBIC)
left, top = (round((side - size) / 2) for side in image.size)
image = image.crop((left, top, left + size, top + size))
pixels = np.asarray(image, np.float32).transpose(2, 0, 1)[None] / 255
logits, features = session.run(None, {'pixels': pixels})  # any batch size
print(about['classes'][logits[0].argmax()])
```

The graph normalises the pixels itself. The softmax of `logits` is the
confidence; the class names are in the metadata of the file, too.
"""


def check(clip: OpenCLIP | None) -> None:
    """Find out before any work whether the packages are there.

    Args:
        clip (OpenCLIP | None): Not used: a graph holds any image tower.

    Raises:
        RuntimeError: If onnx, onnxscript or onnxruntime is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401 - for the comparison
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise RuntimeError(
            f"ONNX export needs {error.name}: pip install 'mmlatte[export]'"
        ) from error


def save(bundle: Bundle, folder: Path) -> None:
    """Export the classifier.

    Raises:
        RuntimeError: See `check`; or if torch cannot convert the tower.
    """
    check(bundle.model.clip)
    import onnx

    graph = ClassifierGraph(bundle).eval()
    size = bundle.preprocessing.size
    weights = sum(p.numel() * p.element_size() for p in graph.parameters())
    try:
        program = torch.onnx.export(
            graph,
            (torch.rand(2, 3, size, size),),
            input_names=['pixels'],
            output_names=['logits', 'features'],
            dynamic_shapes={'pixels': {0: torch.export.Dim('batch')}},
            dynamo=True,
            verbose=False,
        )
    except torch.onnx.OnnxExporterError as error:
        raise RuntimeError(
            f"{bundle.model.clip.model_name}: torch's ONNX exporter does not "
            f'take its image tower ({type(error).__name__}). Export to '
            'open_clip or torchscript.'
        ) from error
    program.model.metadata_props['classes'] = json.dumps(bundle.classes)
    path = folder / FILE
    program.save(str(path), external_data=weights > ONE_FILE)
    onnx.checker.check_model(str(path))
    bundle.save_classifier(folder)


def predict(
    folder: Path, images: Sequence[Image.Image]
) -> tuple[Tensor, Tensor]:
    """Classify images with onnxruntime, one by one and as one batch.

    Args:
        folder (Path): Folder of the export.
        images (Sequence[Image.Image]): N upright RGB images.

    Returns:
        tuple[Tensor, Tensor]: Unit features (N, D), probabilities (N, C).
    """
    import onnxruntime

    about = json.loads((folder / 'classifier.json').read_text('utf-8'))
    how = Preprocessing(**about['preprocessing'])
    session = onnxruntime.InferenceSession(
        str(folder / FILE), providers=['CPUExecutionProvider']
    )
    pixels = np.stack([read_pixels(image, how) for image in images])
    parts = [part for part in (pixels[:1], pixels[1:]) if len(part)]
    found = [session.run(None, {'pixels': part}) for part in parts]
    logits, features = (
        torch.from_numpy(np.concatenate(rows))
        for rows in zip(*found, strict=True)
    )
    return features, logits.softmax(dim=1)
