"""What every export takes away from a trained model."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from mmengine.config import Config
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmlatte.apis.inference.image_dataset import test_pipeline
from mmlatte.datasets.decode_options_of import pipeline_options
from mmlatte.models.classifiers import PrototypeClassifier

__all__ = ['Bundle', 'Preprocessing', 'read_preprocessing']

CLASSIFIER = 'classifier.json'
PROTOTYPES = 'prototypes.safetensors'


@dataclass(frozen=True)
class Preprocessing:
    """From a file to pixels: RGB, resize, centre crop, normalise.

    Attributes:
        size (int): Side of the square input in pixels.
        resize_mode (str): ``'shortest'`` (shorter side to `size`, then centre
            crop) or ``'squash'`` (both sides to `size`).
        interpolation (str): ``'bicubic'`` or ``'bilinear'``.
        mean (tuple[float, ...]): Of pixels in 0..1, RGB.
        std (tuple[float, ...]): Of pixels in 0..1, RGB.
        range (tuple[float, ...] | None): Values of more than 8 bits that are
            black and white; None: as the file declares.
        bands (tuple[int, ...] | None): Numbers, from 1, of the bands that
            are red, green and blue; None: as the file declares.
    """

    size: int
    resize_mode: str
    interpolation: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    range: tuple[float, ...] | None = None
    bands: tuple[int, ...] | None = None


@dataclass
class Bundle:
    """A classifier without the framework it was trained in.

    Attributes:
        model (PrototypeClassifier): On the CPU, in eval mode.
        preprocessing (Preprocessing): How images are prepared.
        temperature (float): Divides the logits, see `fit_temperature`.
    """

    model: PrototypeClassifier
    preprocessing: Preprocessing
    temperature: float = 1.0

    @property
    def classes(self) -> list[str]:
        """list[str]: Names of the C classes."""
        return self.model.class_names

    @property
    def scale(self) -> float:
        """float: Cosines times this are logits."""
        return float(self.model.prototype_scale.detach()) / self.temperature

    @property
    def prototypes(self) -> Tensor:
        """Tensor: Unit class prototypes, (C, D)."""
        return self.model.memory.prototypes.detach()

    def save_classifier(self, folder: Path) -> None:
        """Write ``classifier.json`` and ``prototypes.safetensors``.

        Image features (unit length) times the prototypes times ``scale`` are
        logits; their softmax is the confidence.
        """
        about = dict(
            classes=self.classes,
            scale=self.scale,
            temperature=self.temperature,
            preprocessing=asdict(self.preprocessing),
        )
        text = json.dumps(about, indent=2, ensure_ascii=False)
        (folder / CLASSIFIER).write_text(text + '\n', encoding='utf-8')
        prototypes = {'prototypes': self.prototypes.float().contiguous()}
        save_file(prototypes, folder / PROTOTYPES)


def classify(features: Tensor, folder: Path) -> Tensor:
    """Classify image features with what `Bundle.save_classifier` wrote.

    Args:
        features (Tensor): Unit image features, (B, D).
        folder (Path): Folder of the export.

    Returns:
        Tensor: Probabilities, (B, C).
    """
    scale = json.loads((folder / CLASSIFIER).read_text('utf-8'))['scale']
    prototypes = load_file(folder / PROTOTYPES)['prototypes']
    return (scale * features @ prototypes.T).softmax(dim=1)


def read_preprocessing(
    config: Config, model: PrototypeClassifier
) -> Preprocessing:
    """Find out how a config prepares test images.

    Raises:
        ValueError: If other tools could not do the same.
    """
    steps = {
        step['type'].split('.')[-1]: step for step in test_pipeline(config)
    }
    height, width = model.clip.image_size
    preprocessor = model.data_preprocessor
    known = {'LoadImage', 'LoadImageFromFile', 'PackInputs'}
    kinds = set(steps) - known
    if kinds == {'ResizeEdge', 'CenterCrop'}:
        step, mode = steps['ResizeEdge'], 'shortest'
        same = step.get('edge', 'short') == 'short'
        same &= _side(step['scale']) == _side(steps['CenterCrop']['crop_size'])
    elif kinds == {'Resize'}:
        step, mode = steps['Resize'], 'squash'
        same = not step.get('keep_ratio', False)
    else:
        same = False
    if not same or height != width or _side(step['scale']) != height:
        raise ValueError(
            'only the usual preparation of test images can be exported: '
            f'ResizeEdge(scale={height}) and CenterCrop({height}), or Resize('
            f'scale=({height}, {width})); this config has {sorted(steps)}'
        )
    if step.get('backend') != 'pillow':
        raise ValueError(
            f"{step['type']} of the test pipeline needs backend='pillow': "
            "OpenCV's pixels differ from those of all other tools"
        )
    mean, std = getattr(preprocessor, 'mean', None), None
    if mean is None:
        mean, std = torch.zeros(3), torch.full((3,), 255.0)
    else:
        std = preprocessor.std
    return Preprocessing(
        size=height,
        resize_mode=mode,
        interpolation=step.get('interpolation', 'bilinear'),
        mean=_fractions(mean),
        std=_fractions(std),
        **pipeline_options(test_pipeline(config)).as_config(),
    )


def _side(size) -> int | None:
    """Return the side of a square size, None for other sizes."""
    if isinstance(size, int):
        return size
    return size[0] if len(set(size)) == 1 else None


def _fractions(values: Tensor) -> tuple[float, ...]:
    """Pixel statistics in 0..255 as fractions, without float32's noise."""
    return tuple(round(v / 255, 8) for v in values.flatten().tolist())
