from dataclasses import dataclass

import numpy as np

__all__ = ['NONE_LABEL', 'AnswerArrays']

#: Label of an image that shows none of the classes.
NONE_LABEL = -1


@dataclass(frozen=True)
class AnswerArrays:
    """Answers as a fit wants them; A answers, in the order they were given.

    Args:
        rows (np.ndarray): int64 (A,), numbers of the answered samples; one
            that several annotators answered is there several times.
        labels (np.ndarray): int64 (A,), class numbers, ``NONE_LABEL`` for
            none of the classes.
        confidences (np.ndarray): float32 (A,), from 0 to 1.
        annotators (np.ndarray): int64 (A,), numbers of the ``sources``.
        sources (tuple[str, ...]): The annotators.
        skipped (np.ndarray): int64 (S,), samples somebody skipped, sorted.
    """

    rows: np.ndarray
    labels: np.ndarray
    confidences: np.ndarray
    annotators: np.ndarray
    sources: tuple[str, ...]
    skipped: np.ndarray
