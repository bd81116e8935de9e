"""What frozen CLIP knows about the training images, as plain data."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from mmpretrain.structures import DataSample
from torch import Tensor


@dataclass
class FrozenFeatures:
    """Features and zero-shot labels of all N training images.

    ``FrozenFeaturesHook`` fills it and hands it to the model; row i belongs
    to the sample with ``sample_idx`` i.

    Args:
        features (np.ndarray): Unit image features (N, D) float32; usually a
            map of a file, of which only the rows in use are read.
        labels (np.ndarray): Zero-shot labels, (N,), any integers; kept as
            int64, which torch can index with.
        scores (np.ndarray): Cosine of the zero-shot class, (N,) float32.
        class_features (np.ndarray): Unit class features, (C, D) float32.
        teacher (FrozenFeatures, optional): The same of a stronger CLIP.
        scale (float): Logit scale of the frozen CLIP. Defaults to 100.

    Examples:
        >>> frozen = FrozenFeatures(
        ...     features=np.eye(2, dtype=np.float32),
        ...     labels=np.array([0, 1], np.int32),
        ...     scores=np.ones(2, np.float32),
        ...     class_features=np.eye(2, dtype=np.float32),
        ... )
        >>> len(frozen), frozen.labels.dtype
        (2, dtype('int64'))
        >>> frozen.rows([1]).tolist()
        [[0.0, 1.0]]
        >>> sample = DataSample(metainfo=dict(sample_idx=1))
        >>> frozen.labels_of([sample]).tolist()
        [1]
    """

    features: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    class_features: np.ndarray
    teacher: 'FrozenFeatures | None' = None
    scale: float = 100.0

    def __post_init__(self) -> None:
        self.labels = np.asarray(self.labels, np.int64)

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, which=slice(None)) -> Tensor:
        """Copy some features, by default all, to a tensor (n, D)."""
        return torch.from_numpy(np.array(self.features[which], np.float32))

    def part(self, which) -> 'FrozenFeatures':
        """Copy what is known about some images; a teacher is left out."""
        return dataclasses.replace(
            self,
            features=self.rows(which).numpy(),
            labels=self.labels[which],
            scores=self.scores[which],
            teacher=None,
        )

    def chunks(self, size: int = 8192) -> Iterator[tuple[slice, Tensor]]:
        """Yield slices of samples and their features, (n, D) each."""
        for start in range(0, len(self), size):
            part = slice(start, min(start + size, len(self)))
            yield part, self.rows(part)

    def confidences(self) -> Tensor:
        """Return the zero-shot probabilities of `labels`, (N,)."""
        texts = self.scale * torch.from_numpy(self.class_features).T
        return torch.cat(
            [(f @ texts).softmax(dim=1).amax(dim=1) for _, f in self.chunks()]
        )

    def labels_of(self, data_samples: list[DataSample], device=None) -> Tensor:
        """Look up the zero-shot labels of data samples, (B,) int64."""
        which = sample_indices(data_samples)
        labels = torch.from_numpy(self.labels[which.numpy()])
        return labels.to(device) if device is not None else labels


def sample_indices(data_samples: list[DataSample]) -> Tensor:
    """Return the rows of data samples in `FrozenFeatures`, (B,) on the host.

    Raises:
        ValueError: If a sample does not know its index.
    """
    if not all('sample_idx' in sample for sample in data_samples):
        raise ValueError(
            "a training sample has no sample_idx: add 'sample_idx' to the "
            'meta_keys of mmpretrain.PackInputs in the train pipeline'
        )
    return torch.tensor([sample.sample_idx for sample in data_samples])
