"""Texts about typical images only; the others read their neighbours'."""

import hashlib
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from mmlatte.atomic_file import atomic_file
from mmlatte.fits.answers.k_means import k_means

from .groups import ClassIndex

__all__ = [
    'ALL',
    'Described',
    'check_budget',
    'described_count',
    'find_typical',
]

#: The budget of the paper: every image is described.
ALL = 'all'
#: Images that are clustered together; more take longer by the square.
PIECE = 4096
#: Cosines that are looked at together (64 MB).
BLOCK = 2**24


@dataclass(frozen=True)
class Described:
    """Which images have texts of their own, and whose the others read.

    Args:
        rows (np.ndarray): int64 (K,), the described samples, ascending.
        nearest (np.ndarray): int64 (N,), the nearest of them to every sample.
        nearest_of_class (np.ndarray): int64 (N,), the nearest of the same
            zero-shot class.
    """

    rows: np.ndarray
    nearest: np.ndarray
    nearest_of_class: np.ndarray


def check_budget(budget: int | float | str) -> None:
    """Refuse what is no number or share of images.

    Raises:
        ValueError: If it is neither.
    """
    good = budget == ALL
    if isinstance(budget, float):
        good = 0 < budget <= 1
    elif isinstance(budget, int) and not isinstance(budget, bool):
        good = budget > 0
    if not good:
        raise ValueError(
            f"text_synth.budget={budget!r}: give 'all', a number of images "
            'such as 500, or a share of them such as 0.05'
        )


def described_count(budget: int | float | str, count: int) -> int:
    """Return how many of ``count`` images a budget describes.

    Examples:
        >>> described_count('all', 90), described_count(0.1, 90)
        (90, 9)
        >>> described_count(500, 90)
        90
    """
    if isinstance(budget, str):
        return count
    if isinstance(budget, float):
        # As it is written: 0.07 * 100 is more than 7 in binary.
        return math.ceil(Fraction(str(budget)) * count)
    return min(budget, count)


def find_typical(
    features: np.ndarray,
    labels: np.ndarray,
    count: int,
    folder: Path,
    name: str,
) -> Described:
    """Choose the images to describe, once for all processes and runs.

    The choice is kept in a file: other hardware rounds another way, and may
    then choose other images.

    Args:
        features (np.ndarray): Unit image features, (N, D).
        labels (np.ndarray): int (N,), zero-shot labels.
        count (int): Images to describe.
        folder (Path): Folder of the text store.
        name (str): Stands for the images and their labels.

    Raises:
        ValueError: If there are more classes among the labels.
    """
    digest = hashlib.blake2b(f'{count}\n{name}'.encode(), digest_size=8)
    path = folder / f'described-{digest.hexdigest()}.npy'
    if not path.exists():
        rows = typical_images(features, labels, count)
        with atomic_file(path, replace=False) as file:
            np.save(file, rows)
    rows = np.load(path)
    every = np.zeros(len(labels), int)
    return Described(
        rows,
        _nearest(features, rows, every),
        _nearest(features, rows, np.asarray(labels)),
    )


def typical_images(
    features: np.ndarray, labels: np.ndarray, count: int
) -> np.ndarray:
    """Choose typical images of every zero-shot class.

    Each class gets its share of the images, and at least one. Its images form
    as many clusters; of each, the one nearest to the centre is chosen.

    Args:
        features (np.ndarray): Unit image features, (N, D).
        labels (np.ndarray): int (N,), zero-shot labels.
        count (int): Images to choose.

    Returns:
        np.ndarray: int64 (count,), ascending.

    Raises:
        ValueError: If there are more classes among the labels.
    """
    labels = np.asarray(labels)
    classes, sizes = np.unique(labels, return_counts=True)
    if count < len(classes):
        raise ValueError(
            f'text_synth.budget: {count} images are fewer than the '
            f'{len(classes)} classes that frozen CLIP finds; each needs one'
        )
    index = ClassIndex(labels, int(classes[-1]) + 1)
    chosen = []
    for label, quota in zip(classes, _quotas(sizes, count), strict=True):
        pieces = _pieces(features, index.members(label), quota)
        lengths = np.array([len(piece) for piece in pieces])
        for piece, part in zip(pieces, _quotas(lengths, quota), strict=True):
            chosen.append(_centres(features, piece, part))
    return np.sort(np.concatenate(chosen))


def _pieces(
    features: np.ndarray, members: np.ndarray, most: int
) -> list[np.ndarray]:
    """A class as one piece; a large one as several clusters."""
    members = members.astype(np.int64)
    parts = min(-(-len(members) // PIECE), most)
    if parts == 1:
        return [members]
    clusters, _ = k_means(np.asarray(features[members]), parts, 1)
    return [members[clusters == cluster] for cluster in np.unique(clusters)]


def _quotas(sizes: np.ndarray, count: int) -> np.ndarray:
    """Divide a number by sizes: at least 1 each, at most the size."""
    quotas = np.ones(len(sizes), np.int64)
    for _ in range(count - len(sizes)):
        # The one that is furthest behind its share.
        behind = np.where(quotas < sizes, sizes / quotas, -1)
        quotas[behind.argmax()] += 1
    return quotas


def _centres(
    features: np.ndarray, members: np.ndarray, count: int
) -> np.ndarray:
    """The images nearest to the centres of ``count`` clusters."""
    if count >= len(members):
        return members
    points = np.asarray(features[members], np.float32)
    clusters, distance = k_means(points, count, 1)
    order = np.lexsort((distance, clusters))
    _, first = np.unique(clusters[order], return_index=True)
    chosen = order[first]
    if len(chosen) < count:
        # Identical images leave clusters empty: any others will do.
        others = np.setdiff1d(order, chosen)[: count - len(chosen)]
        chosen = np.concatenate([chosen, others])
    return members[chosen]


def _nearest(
    features: np.ndarray, rows: np.ndarray, groups: np.ndarray
) -> np.ndarray:
    """The nearest of some samples of the same group; (N,) int64."""
    found = np.empty(len(groups), np.int64)
    index = ClassIndex(groups, int(groups.max()) + 1)
    for group in np.unique(groups):
        members = index.members(group)
        known = rows[groups[rows] == group]
        points = np.asarray(features[known], np.float32).T
        step = max(1, BLOCK // len(known))
        for start in range(0, len(members), step):
            part = members[start : start + step]
            scores = np.asarray(features[part], np.float32) @ points
            found[part] = known[scores.argmax(axis=1)]
    # An image may have a twin, and reads its own texts all the same.
    found[rows] = rows
    return found
