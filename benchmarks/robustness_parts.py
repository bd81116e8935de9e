"""Which images real folders hold: parts of a data set, drawn by labels."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

#: Those that another seed draws otherwise.
DRAWN = ('few', 'imbalanced', 'absent', 'outliers')


@dataclass
class Part:
    """Images to adapt to, and those that count in the test.

    Args:
        name (str): What is special about it.
        images (np.ndarray): (n,) int numbers of training images.
        tested (np.ndarray): (test images,) bool.
        outliers (np.ndarray): (m,) int numbers of images of another set.
    """

    name: str
    images: np.ndarray
    tested: np.ndarray
    outliers: np.ndarray = field(default_factory=lambda: np.arange(0))


def draw_parts(
    truth: np.ndarray,
    test_truth: np.ndarray,
    classes: int,
    others: int | None,
    seed: int,
) -> Iterator[Part]:
    """Yield the parts of a seed; 0 also has those that need no draw.

    Args:
        truth (np.ndarray): (training images,) int labels.
        test_truth (np.ndarray): (test images,) int labels.
        classes (int): How many class names there are.
        others (int | None): How many images of another set there are.
        seed (int): Of all draws.
    """
    rng = np.random.default_rng(seed)
    images, every = np.arange(len(truth)), np.ones(len(test_truth), bool)
    if seed == 0:
        yield Part('all', images, every)
    few = rng.choice(len(images), min(200, len(images)), replace=False)
    yield Part('few', few, every)
    share = rng.permutation(np.geomspace(1, 1 / 20, classes))
    yield Part(
        'imbalanced',
        images[rng.random(len(truth)) < share[truth]],
        rng.random(len(test_truth)) < share[test_truth],
    )
    kept = rng.permutation(classes)[: classes // 2]
    yield Part(
        'absent', images[np.isin(truth, kept)], np.isin(test_truth, kept)
    )
    if others is not None:
        count = min(others, len(images) // 9)
        extra = rng.choice(others, count, replace=False)
        yield Part('outliers', images, every, extra)
    if seed == 0:
        for c in range(classes):
            yield Part('one class', images[truth == c], test_truth == c)
