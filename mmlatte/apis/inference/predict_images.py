"""Predictions of images; those whose features are known are not read."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from mmpretrain.structures import DataSample
from torch import Tensor
from torch.utils.data import DataLoader

from mmlatte.engine.frozen.features_key import features_key
from mmlatte.engine.frozen.known_features import KnownFeatures
from mmlatte.engine.frozen.second_features import EncoderLook
from mmlatte.models.classifiers import PrototypeClassifier

from .image_dataset import ImageDataset, collate_readable

__all__ = ['known_features', 'predict_images']


def known_features(
    model: PrototypeClassifier, pipeline: list[dict], cache_dir: str | Path
) -> KnownFeatures:
    """Return the features that a model would make, as far as they are known.

    Args:
        model (PrototypeClassifier): As it is now.
        pipeline (list[dict]): Prepares the images.
        cache_dir (str | Path): Of the frozen passes.
    """
    keys = []
    encoder = model.second_encoder
    if model.encodes_as_clip or encoder is not None:
        clip = model.clip.fingerprint()
        keys = [features_key(clip, pipeline, model.data_preprocessor)]
    if encoder is not None:
        keys.append(EncoderLook(encoder, pipeline[0]).key)
    return KnownFeatures(cache_dir, keys)


def predict_images(
    model: PrototypeClassifier,
    items: list,
    pipeline: tuple,
    batch_size: int,
    num_workers: int,
    known: KnownFeatures | None = None,
) -> Iterator[tuple[object, DataSample | None, str]]:
    """Yield every image with its prediction, or None and the error.

    Args:
        model (PrototypeClassifier): Predicts.
        items (list): Of `list_inputs`.
        pipeline (tuple): Loading transform, and those after it.
        batch_size (int): Images per batch.
        num_workers (int): Processes that load images.
        known (KnownFeatures, optional): Files that it knows are not read.
    """
    batches = _encode_images(
        model, items, pipeline, batch_size, num_workers, known
    )
    done = 0
    for features, errors in batches:
        samples = iter(
            [] if features is None else model.predict_features(features)
        )
        for error in errors:
            yield items[done], None if error else next(samples), error
            done += 1


@torch.no_grad()
def _encode_images(
    model: PrototypeClassifier,
    items: list,
    pipeline: tuple,
    batch_size: int,
    num_workers: int,
    known: KnownFeatures | None,
) -> Iterator[tuple[Tensor | None, list[str]]]:
    """Yield features in batches, and an error, or '', for every image.

    Features (n, D) are those of the images that can be read.
    """
    if known is None or not all(isinstance(item, str) for item in items):
        loader = _loader(items, pipeline, batch_size, num_workers)
        for batch, errors in loader:
            yield _encode(model, batch), errors
        return
    files = known.of(items)
    left = np.flatnonzero(~files.known)
    loader = _loader(
        [items[i] for i in left], pipeline, batch_size, num_workers
    )
    made = _one_by_one(model, loader)
    for start in range(0, len(items), batch_size):
        rows, errors = [], []
        stored = files.read(start, start + batch_size)
        for number, row in enumerate(stored, start):
            error = ''
            if row is None:
                row, error = next(made)
                if row is not None:
                    known.add(files.keys[number], row)
            if row is not None:
                rows.append(row)
            errors.append(error)
        features = torch.from_numpy(np.stack(rows)) if rows else None
        if features is not None:
            features = features.to(model.memory.prototypes)
        yield features, errors


def _loader(
    items: list, pipeline: tuple, batch_size: int, num_workers: int
) -> DataLoader:
    return DataLoader(
        ImageDataset(items, pipeline),
        batch_size=batch_size,
        num_workers=num_workers if items else 0,
        collate_fn=collate_readable,
    )


def _encode(model: PrototypeClassifier, batch: dict | None) -> Tensor | None:
    if batch is None:
        return None
    batch = model.data_preprocessor(batch, training=False)
    return model.extract_feat(batch['inputs'])


def _one_by_one(
    model: PrototypeClassifier, loader: DataLoader
) -> Iterator[tuple[np.ndarray | None, str]]:
    """Yield the feature (D,) of every image, or None and the error."""
    for batch, errors in loader:
        features = _encode(model, batch)
        rows = iter([] if features is None else features.cpu().numpy())
        for error in errors:
            yield (None if error else next(rows)), error
