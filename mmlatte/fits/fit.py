from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

Classifier = TypeVar('Classifier')


@dataclass
class Fit(Generic[Classifier]):
    """What a method found in frozen features.

    Args:
        classifier (Classifier): A dataclass of tensors with
            ``logits(features)``, such as `LinearClassifier`.
        labels (Tensor): Of the N images, int64 (N,) on the host.
        unused (Tensor): bool (C,), classes that are never predicted.
        notes (tuple[str, ...]): Sentences for the log.
        kept_zero_shot (bool): Whether it is zero-shot CLIP still.
        reason (str): Why it is, if so.
    """

    classifier: Classifier
    labels: Tensor
    unused: Tensor
    notes: tuple[str, ...] = ()
    kept_zero_shot: bool = False
    reason: str = ''
