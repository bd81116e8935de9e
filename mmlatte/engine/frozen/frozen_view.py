"""Images as the frozen CLIP sees them: no augmentation, errors are results."""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from mmengine.dataset import Compose, default_collate
from torch.utils.data import Dataset

__all__ = ['FrozenView', 'collate_frozen', 'encode_frozen', 'split_indices']


class FrozenView(Dataset):
    """A dataset seen through another pipeline; errors are results."""

    def __init__(self, dataset: Dataset, pipeline: list[dict]) -> None:
        self.dataset = copy.copy(dataset)
        self.dataset.pipeline = Compose(pipeline)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[str, torch.Tensor | str]:
        info = self.dataset.get_data_info(index)
        name = str(info['img_path'])
        try:
            return name, self.dataset.pipeline(info)['inputs']
        except Exception as error:
            return name, f'{type(error).__name__}: {error}'


def collate_frozen(
    samples: list,
) -> tuple[torch.Tensor | None, dict[str, str]]:
    """Split loaded samples into one batch and the errors by file name."""
    errors = {n: x for n, x in samples if isinstance(x, str)}
    inputs = [x for _, x in samples if not isinstance(x, str)]
    return (default_collate(inputs) if inputs else None), errors


def encode_frozen(model, inputs: torch.Tensor) -> np.ndarray:
    """Return the unit features of a batch of raw inputs, (B, D) float32."""
    batch = model.data_preprocessor(dict(inputs=inputs), training=False)
    return model.clip.encode_image(batch['inputs']).float().cpu().numpy()


def split_indices(indices: Sequence[int], size: int) -> list[list[int]]:
    """Cut indices into parts of ``size``; the last may be shorter."""
    return [
        list(indices[start : start + size])
        for start in range(0, len(indices), size)
    ]
