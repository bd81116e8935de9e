"""Which images share a collage."""

import numpy as np

from .prompts import GroupOptions
from .sample_generator import sample_generator

__all__ = ['ClassIndex', 'draw_members']


class ClassIndex:
    """Which samples have a class: one int array, sorted by class.

    Args:
        labels (np.ndarray): int (N,), the class of every sample.
        num_classes (int): Number of classes.
    """

    def __init__(self, labels: np.ndarray, num_classes: int) -> None:
        # Sorting small integers is many times faster, and half the memory
        # is enough for the places of 2 billion samples.
        small = np.asarray(labels).astype(np.min_scalar_type(num_classes))
        order = np.argsort(small, kind='stable')
        self._order = order.astype(
            np.int32 if len(order) < 2**31 else np.int64
        )
        counts = np.bincount(small, minlength=num_classes)
        self._starts = np.concatenate([[0], np.cumsum(counts)])

    def members(self, label: int) -> np.ndarray:
        """Samples of a class, ascending; a view."""
        return self._order[self._starts[label] : self._starts[label + 1]]


def draw_members(
    anchor_id: str,
    candidates: np.ndarray,
    options: GroupOptions,
    seed: int,
) -> np.ndarray:
    """Draw the images of an anchor's collage.

    The draw depends on the seed and the anchor's id alone, so that every
    rerun, on any number of processes, shows the LMM the same collage. It is
    without replacement unless there are fewer candidates than places. The
    anchor itself need not be drawn.

    Args:
        anchor_id (str): Id of the image that the group text belongs to.
        candidates (np.ndarray): int (K,), the samples to draw from.
        options (GroupOptions): Holds the size of the group.
        seed (int): Seed.

    Returns:
        np.ndarray: int (size,), members of ``candidates``.
    """
    generator = sample_generator(anchor_id, seed)
    few = len(candidates) < options.size
    return generator.choice(candidates, options.size, replace=few)


def nearest(
    anchor: int, candidates: np.ndarray, features: np.ndarray, count: int
) -> np.ndarray:
    """The candidates nearest to the anchor, itself included.

    Args:
        anchor (int): A sample.
        candidates (np.ndarray): int (K,).
        features (np.ndarray): float (N, D), unit norm.
        count (int): How many.

    Returns:
        np.ndarray: int (min(count, K),), nearest first; equal distances in
        the order of the samples.
    """
    scores = np.asarray(features[candidates]) @ np.asarray(features[anchor])
    return candidates[np.argsort(-scores, kind='stable')[:count]]
