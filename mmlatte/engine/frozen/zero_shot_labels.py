import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import broadcast_object_list, is_main_process

from mmlatte.atomic_file import atomic_file
from mmlatte.fits import FrozenFeatures
from mmlatte.progress import Progress

from .feature_cache import data_name
from .wait_for import wait_for

__all__ = ['ZeroShotLabels']


@dataclass
class ZeroShotLabels:
    """What frozen CLIP found in the N images of a data set.

    Kept in a folder of features: ``labels-*.npz`` for every set of class
    features.

    Args:
        features (np.ndarray): Unit image features, (N, D) float32, usually a
            map of a file.
        labels (np.ndarray): Nearest class of every image, (N,) int32.
        scores (np.ndarray): Cosine of that class, (N,) float32.
        class_features (np.ndarray): Unit class text features, (C, D).
        images (np.ndarray): What the images are known by, uint64 (N,); see
            `ImageTable`.
        scale (float): Logit scale of the frozen CLIP.
        clip (str): Fingerprint of the frozen CLIP.
        labels_from (str): Fingerprint of all that decides the labels, see
            `labels_fingerprint`.
    """

    features: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    class_features: np.ndarray
    images: np.ndarray
    scale: float
    clip: str
    labels_from: str

    def frozen(self) -> FrozenFeatures:
        """Return what was found, as plain data for a method."""
        return FrozenFeatures(
            features=self.features,
            labels=self.labels,
            scores=self.scores,
            class_features=self.class_features,
            scale=self.scale,
        )

    @classmethod
    def find(
        cls,
        folder: Path,
        features: np.ndarray,
        model,
        chunk_size: int,
        **facts,
    ) -> 'ZeroShotLabels':
        """Label images by the nearest class, once per class features.

        The main process decides for all: other hardware may round another way.

        Args:
            folder (Path): Of the features, shared by all ranks.
            features (np.ndarray): (N, D).
            model (PrototypeClassifier): Has the classes; frozen.
            chunk_size (int): Images that are labelled at a time.
            **facts: ``images``, ``scale``, ``clip`` and ``labels_from``.
        """
        name: list = [None]
        if is_main_process():
            classes = model.encode_classes().float()
            values = np.ascontiguousarray(classes.cpu().numpy())
            name = [labels_file(values)]
        broadcast_object_list(name)
        file = folder / name[0]
        if is_main_process() and not file.exists():
            found = nearest_classes(features, classes, chunk_size)
            write_labels(file, values, *found)
        wait_for(lambda: int(not file.exists()))
        return cls(features, *_read(file), **facts)

    @classmethod
    def stored(
        cls, cache_dir: Path, images: np.ndarray, classes: int, **facts
    ) -> Iterator['ZeroShotLabels']:
        """Read the labels that earlier runs left for these images.

        Of whatever classes: only their number is compared.

        Args:
            cache_dir (Path): Of the features, see `FrozenPass`.
            images (np.ndarray): What the images are known by, (N,).
            classes (int): C.
            **facts: ``scale``, ``clip`` and ``labels_from``.
        """
        pattern = f'features-*/{data_name(images)}/labels-*.npz'
        for file in Path(cache_dir).glob(pattern):
            labels, scores, class_features = _read(file)
            if len(class_features) == classes:
                features = np.load(file.parent / 'features.npy', mmap_mode='r')
                yield cls(
                    features, labels, scores, class_features, images, **facts
                )


def labels_file(class_features: np.ndarray) -> str:
    """Return the name of the file of labels by class features (C, D)."""
    digest = hashlib.sha256(class_features.tobytes()).hexdigest()
    return f'labels-{digest[:16]}.npz'


def write_labels(
    file: Path,
    class_features: np.ndarray,
    labels: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Write a file of labels."""
    with atomic_file(file) as target:
        np.savez(target, classes=class_features, labels=labels, scores=scores)


def nearest_classes(
    features: np.ndarray, classes: torch.Tensor, chunk_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return label and cosine of the nearest class of every image.

    Args:
        features (np.ndarray): Unit image features, (N, D).
        classes (Tensor): Unit class features, (C, D).
        chunk_size (int): Images at a time.

    Returns:
        tuple[np.ndarray, np.ndarray]: int32 (N,) and float32 (N,).
    """
    total = len(features)
    labels = np.zeros(total, np.int32)
    scores = np.zeros(total, np.float32)
    with Progress('zero-shot labels', total) as progress:
        for start in range(0, total, chunk_size):
            part = slice(start, start + chunk_size)
            # A copy: torch has no read-only arrays.
            chunk = torch.from_numpy(np.array(features[part]))
            best = (chunk.to(classes) @ classes.T).max(dim=1)
            labels[part] = best.indices.cpu().numpy()
            scores[part] = best.values.cpu().numpy()
            progress.advance(len(chunk))
    return labels, scores


def _read(file: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with np.load(file) as arrays:
        return arrays['labels'], arrays['scores'], arrays['classes']
