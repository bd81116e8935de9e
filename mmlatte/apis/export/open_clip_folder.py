"""Export to a folder that plain open_clip loads as ``local-dir:``."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from open_clip.tokenizer import HFTokenizer
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from mmlatte.models.clip import OpenCLIP

from .bundle import Bundle, classify
from .check import in_batches

__all__ = ['CARD', 'check', 'predict', 'save']

CARD = """\
```python
import json, open_clip, torch
from PIL import Image, ImageOps
from safetensors.torch import load_file

model, _, preprocess = open_clip.create_model_and_transforms('local-dir:.')
model.eval()
about = json.load(open('classifier.json'))
prototypes = load_file('prototypes.safetensors')['prototypes']

with torch.no_grad():
    image = ImageOps.exif_transpose(Image.open('image.jpg'))
    image = preprocess(image).unsqueeze(0)
    features = model.encode_image(image, normalize=True)
    confidence = (about['scale'] * features @ prototypes.T).softmax(dim=1)
print(about['classes'][confidence.argmax()])
```

`open_clip.get_tokenizer('local-dir:.')` and `model.encode_text` are the
fine-tuned text tower, for retrieval and for new classes.
"""


def check(clip: OpenCLIP | None) -> None:
    """Find out before any work whether a CLIP can be saved.

    Args:
        clip (OpenCLIP | None): Without additions of a tuning; no package is
            needed, so that there is nothing to check without one.

    Raises:
        ValueError: If it is a CoCa.
    """
    if clip is not None and 'multimodal_cfg' in clip.config:
        raise ValueError(
            f'{clip.model_name} is a CoCa: its text decoder is not part of '
            'the model, so that no plain open_clip folder can be made of it; '
            'export to onnx or torchscript'
        )


def save(bundle: Bundle, folder: Path) -> None:
    """Write config, weights, tokenizer files and the classifier.

    Raises:
        ValueError: See `check`.
    """
    clip = bundle.model.clip
    check(clip)
    config = clip.config
    state = {k: v.detach() for k, v in clip.state_dict().items()}
    if not _has_own_text_module(config):
        state = {k.removeprefix('text.'): v for k, v in state.items()}
    how = bundle.preprocessing
    about = dict(
        model_cfg=config,
        preprocess_cfg=dict(
            mean=how.mean,
            std=how.std,
            interpolation=how.interpolation,
            resize_mode=how.resize_mode,
        ),
    )
    (folder / 'open_clip_config.json').write_text(json.dumps(about, indent=2))
    save_file(
        {name: value.contiguous().clone() for name, value in state.items()},
        folder / 'open_clip_model.safetensors',
        metadata={'format': 'pt'},
    )
    if isinstance(clip.tokenizer.inner, HFTokenizer):
        clip.tokenizer.inner.save_pretrained(folder)
    bundle.save_classifier(folder)


def predict(
    folder: Path, images: Sequence[Image.Image]
) -> tuple[Tensor, Tensor]:
    """Classify images with plain open_clip.

    Args:
        folder (Path): Folder of the export.
        images (Sequence[Image.Image]): N upright RGB images.

    Returns:
        tuple[Tensor, Tensor]: Unit features (N, D), probabilities (N, C).
    """
    import open_clip

    model, _, preprocess = open_clip.create_model_and_transforms(
        f'local-dir:{folder}', pretrained_text=False
    )
    model.eval()
    with torch.no_grad():
        features = in_batches(map(preprocess, images), model.encode_image)
        features = F.normalize(features, dim=-1)
        return features, classify(features, folder)


def _has_own_text_module(config: dict) -> bool:
    """Whether open_clip keeps the text tower as ``text.*``.

    It does where the config sets it, and for Hugging Face towers.
    """
    hugging_face = 'hf_model_name' in config.get('text_cfg', {})
    return bool(config.get('custom_text')) or hugging_face
