"""From images to features, those that are known without a look at them."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from mmlatte.engine.frozen.known_features import KnownFeatures
from mmlatte.models.classifiers import PrototypeClassifier

from .image_dataset import ImageDataset, collate_readable

__all__ = ['encode_images']


@torch.no_grad()
def encode_images(
    model: PrototypeClassifier,
    items: list,
    pipeline: tuple,
    batch_size: int,
    num_workers: int,
    known: KnownFeatures | None = None,
) -> Iterator[tuple[Tensor | None, list[str]]]:
    """Yield features in batches, in the order of the images.

    Args:
        model (PrototypeClassifier): Encodes the images.
        items (list): Of `list_inputs`.
        pipeline (tuple): Loading transform, and those after it.
        batch_size (int): Images per batch.
        num_workers (int): Processes that load images.
        known (KnownFeatures, optional): Files that it knows are not read.

    Yields:
        tuple[Tensor | None, list[str]]: Features (n, D) of the images that
        can be read, and an error, or '', for every image of the batch.
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
