"""What frozen CLIP knows about the training images, as plain data."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

if TYPE_CHECKING:
    from .answers import GivenAnswers


#: Logits, of the classes, that a chunk of images takes at most: 64 MB.
LOGITS = 1 << 23


@dataclass
class FrozenFeatures:
    """Features and zero-shot labels of all N training images.

    Row i belongs to the sample with ``sample_idx`` i.

    Args:
        features (np.ndarray): Unit image features (N, D), float32 or
            float16; usually a map of a file, of which only the rows in use
            are read.
        labels (np.ndarray): Zero-shot labels, (N,), any integers; kept as
            int64, which torch can index with.
        scores (np.ndarray): Cosine of the zero-shot class, (N,) float32.
        class_features (np.ndarray): Unit class features, (C, D) float32.
        teacher (FrozenFeatures, optional): The same of a stronger CLIP.
        scale (float): Logit scale of the frozen CLIP. Defaults to 100.
        device (torch.device | str): Where tensors of it go, and fits compute.
            Defaults to the CPU.
        answers (GivenAnswers, optional): What somebody said that some images
            show: the only labels a fit may see.
        second (FrozenFeatures, optional): The same images seen by a second
            encoder; its class features are (0, D) where it reads no names.
        shared (bool): The ranks of the process group fit together: each reads
            some of the chunks, and sums go over all. They must call the fit
            with the same features. Defaults to False.

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
    """

    features: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    class_features: np.ndarray
    teacher: 'FrozenFeatures | None' = None
    scale: float = 100.0
    device: torch.device | str = 'cpu'
    answers: 'GivenAnswers | None' = None
    second: 'FrozenFeatures | None' = None
    shared: bool = False

    def __post_init__(self) -> None:
        self.labels = np.asarray(self.labels, np.int64)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def classes(self) -> int:
        """int: C."""
        return len(self.class_features)

    @property
    def width(self) -> int:
        """int: D."""
        return self.class_features.shape[1]

    @property
    def chunk_size(self) -> int:
        """int: Images at a time, so many that their logits are no burden."""
        classes = max(1, self.classes)  # an encoder may read no names
        return max(256, min(8192, LOGITS // classes))

    def on(self, device: torch.device | str) -> 'FrozenFeatures':
        """Return the same with tensors on another device."""
        second = self.second
        return dataclasses.replace(
            self,
            device=device,
            second=None if second is None else second.on(device),
        )

    def part(self, which) -> 'FrozenFeatures':
        """Copy what is known about some images; a teacher and
        answers are left out.
        """
        second = self.second
        return dataclasses.replace(
            self,
            features=np.array(self.features[which], np.float32),
            labels=self.labels[which],
            scores=self.scores[which],
            teacher=None,
            answers=None,
            second=None if second is None else second.part(which),
            shared=False,
        )

    def seen_by(self, features: np.ndarray) -> 'FrozenFeatures':
        """Return the same images with an encoder's features (N, d) as second.

        Args:
            features (np.ndarray): Unit rows of an encoder that reads no names.

        Raises:
            ValueError: If it saw another number of images.
        """
        if len(features) != len(self):
            raise ValueError(
                f'the second encoder has features of {len(features)} images, '
                f'the first of {len(self)}: encode the same images with both'
            )
        nameless = dataclasses.replace(
            self,
            features=features,
            class_features=np.zeros((0, features.shape[1]), np.float32),
            answers=None,
            teacher=None,
            second=None,
        )
        return dataclasses.replace(self, second=nameless)

    def rows(self, which=slice(None)) -> Tensor:
        """Copy some features, by default all, to a tensor (n, D)."""
        rows = torch.from_numpy(np.array(self.features[which], np.float32))
        return rows.to(self.device)

    def texts(self) -> Tensor:
        """Copy the class features to a tensor (C, D)."""
        texts = np.array(self.class_features, np.float32)
        return torch.from_numpy(texts).to(self.device)

    def chunks(
        self, size: int | None = None, double: bool = False
    ) -> Iterator[tuple[slice, Tensor]]:
        """Yield slices of samples and their features, (n, D) each.

        Args:
            size (int, optional): Images at a time. Defaults to 8192, and
                fewer where there are more than a thousand classes.
            double (bool): In `double_precision`. Defaults to False.
        """
        size = size or self.chunk_size
        for start in range(0, len(self), size):
            part = slice(start, min(start + size, len(self)))
            rows = self.rows(part)
            yield part, double_precision(rows) if double else rows

    def own_chunks(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield the chunks of this rank, in `double_precision`.

        All chunks, where ranks do not share a fit.
        """
        size = self.chunk_size
        rank, ranks = 0, 1
        if self.shared:
            rank, ranks = dist.get_rank(), dist.get_world_size()
        for start in range(rank * size, len(self), ranks * size):
            part = slice(start, min(start + size, len(self)))
            yield part, double_precision(self.rows(part))

    def add_ranks(self, *sums: Tensor) -> None:
        """Add up sums over `own_chunks` of all ranks, in place."""
        if self.shared:
            for tensor in sums:
                dist.all_reduce(tensor)

    def agree(self, tensor: Tensor) -> Tensor:
        """Return the first rank's values, in place: others may round."""
        if self.shared:
            dist.broadcast(tensor, 0)
        return tensor

    def confidences(self) -> Tensor:
        """Return the zero-shot probabilities of `labels`, (N,)."""
        texts = self.scale * self.texts().T
        return torch.cat(
            [(f @ texts).softmax(dim=1).amax(dim=1) for _, f in self.chunks()]
        )


def double_precision(tensor: Tensor) -> Tensor:
    """Return a tensor as float64, or float32 where the device has no more."""
    wide = torch.float32 if tensor.device.type == 'mps' else torch.float64
    return tensor.to(wide)
