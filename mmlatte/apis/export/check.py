"""Reloading an export in its own library and comparing it on images."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from mmengine.dataset import Compose
from PIL import Image
from torch import Tensor

from mmlatte.registry import TRANSFORMS

from .bundle import Bundle

__all__ = [
    'CheckImages',
    'Comparison',
    'compare',
    'in_batches',
    'predict_here',
]

#: Images that are encoded at a time.
BATCH = 16


@dataclass(frozen=True)
class Comparison:
    """How far an export is from the model.

    Attributes:
        images (int): Number of images compared.
        features (float): Largest difference in an image feature.
        confidences (float): Largest difference in a class probability.
        same_class (int): Images that got the same class.
    """

    images: int
    features: float
    confidences: float
    same_class: int

    def __str__(self) -> str:
        return (
            f'{self.images} images, largest difference {self.features:.1e} in '
            f'a feature and {self.confidences:.1e} in a confidence, the same '
            f'class for {self.same_class}'
        )


class CheckImages(Sequence):
    """Images as the model's pipeline reads them, for both sides of the check.

    Upright RGB images (`PIL.Image`), each read anew when it is asked for: how
    other libraries turn a file into RGB is not part of the export.

    Args:
        paths (list[str]): N image files.
        pipeline (list[dict]): The test pipeline; its first step reads files.
    """

    def __init__(self, paths: list[str], pipeline: list[dict]) -> None:
        self.paths = paths
        self._read = TRANSFORMS.build(pipeline[0])

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Image.Image:
        pixels = self._read(dict(img_path=self.paths[index]))['img']
        return Image.fromarray(np.ascontiguousarray(pixels[..., ::-1]))


def predict_here(
    bundle: Bundle, images: CheckImages, pipeline: list[dict]
) -> tuple[Tensor, Tensor]:
    """Classify images with the model itself and its test pipeline.

    Args:
        bundle (Bundle): What is exported.
        images (CheckImages): N images.
        pipeline (list[dict]): The test pipeline.

    Returns:
        tuple[Tensor, Tensor]: Unit features (N, D), probabilities (N, C).
    """
    prepare = Compose(pipeline[1:])  # the images have been read

    def read(index: int) -> Tensor:
        path, image = images.paths[index], images[index]
        pixels = np.ascontiguousarray(np.asarray(image)[..., ::-1])
        shape = pixels.shape[:2]
        about = dict(img_path=path, sample_id=path)
        return prepare(
            dict(img=pixels, img_shape=shape, ori_shape=shape, **about)
        )['inputs']

    def encode(pixels: Tensor) -> Tensor:
        batch = bundle.model.data_preprocessor(
            dict(inputs=pixels), training=False
        )
        return bundle.model.extract_feat(batch['inputs'])

    with torch.no_grad():
        features = in_batches(map(read, range(len(images))), encode)
        logits = bundle.scale * features @ bundle.prototypes.T
    return features, logits.softmax(dim=1)


def in_batches(
    images: Iterable[Tensor], encode: Callable[[Tensor], Tensor]
) -> Tensor:
    """Encode prepared images, `BATCH` at a time; return features (N, D).

    Args:
        images (Iterable[Tensor]): N images (3, S, S).
        encode (Callable): Of a batch.
    """
    images, rows = iter(images), []
    while batch := list(islice(images, BATCH)):
        rows.append(encode(torch.stack(batch)))
    return torch.cat(rows)


def compare(
    module: ModuleType,
    folder: Path,
    images: CheckImages,
    expected: tuple[Tensor, Tensor],
    tolerance: float,
) -> Comparison:
    """Load an export and compare it with the model.

    Args:
        module (ModuleType): Of the format; its ``predict`` loads the export.
        folder (Path): Folder of the export.
        images (CheckImages): N images.
        expected (tuple[Tensor, Tensor]): Of `predict_here`.
        tolerance (float): Largest difference that is no error.

    Raises:
        RuntimeError: If they differ by more.
    """
    found = module.predict(folder, images)
    features, confidences = (
        (a - b).abs().max().item()
        for a, b in zip(found, expected, strict=True)
    )
    labels = found[1].argmax(dim=1) == expected[1].argmax(dim=1)
    result = Comparison(len(images), features, confidences, int(labels.sum()))
    if not max(features, confidences) <= tolerance:
        raise RuntimeError(
            f'the export in {folder} does not agree with the model: {result} '
            f'(allowed: {tolerance:.0e}). Do not use it; please report this '
            'with the config'
        )
    return result
