r"""How far to train, from the agreement of two pseudo-labels.

AdamW moves every weight by about the learning rate per step, so the sum of
the learning rates, the *path*, determines how far the weights move, whatever
the number of steps. While a model corrects the errors of its zero-shot labels,
it agrees with them less and less; later it memorises these labels, and the
agreement rises again. In between it is best. (Networks fit noisy labels last:
Liu et al., *Early-Learning Regularization*, arXiv 2007.00151.) That turning
point shows without any true label.

Labels by clusters (`mmlatte.fits.latteplus`) show more, where the
images have any: their errors differ from those of the zero-shot labels, and a
model that gets better agrees with them more and more. Then the rate is the one
of the steps after which they agree most.

Agreement is Cohen's kappa: 1 where all labels are the same, 0 for chance, so
that a model which predicts the most frequent class everywhere scores 0.
"""

from collections.abc import Sequence

import numpy as np
import torch

from mmlatte.fits.naming.cluster_names import agreement

__all__ = [
    'best_rate',
    'broke',
    'fell',
    'improved',
    'kappa',
    'next_path',
    'rose',
    'turning_point',
    'why_stopped',
]

#: A rise of the agreement that is no noise, and the same in images^-0.5.
RISE, NOISE = 0.024, 0.53
#: Below this the model has forgotten its classes, which is no learning: not
#: even a "moderate" agreement (Landis and Koch, Biometrics 1977).
FORGOTTEN = 0.4
#: Above this it has learned nothing yet.
UNTOUCHED = 0.94
#: Growth of the path between measurements before and after it learns.
COARSE, FINE = 4.0, 2.0


def kappa(labels: np.ndarray, other: np.ndarray) -> float:
    """Return the agreement beyond chance, Cohen's kappa.

    Args:
        labels (np.ndarray): int (N,), those of the frozen model.
        other (np.ndarray): int (N,).

    Returns:
        float: At most 1. If `labels` hold a single class, chance is not
        defined, and it is the share of equal labels.

    Examples:
        >>> kappa(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]))
        0.5
        >>> kappa(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0]))
        0.0
        >>> kappa(np.array([0, 0, 0, 0]), np.array([0, 0, 0, 1]))
        0.75
    """
    if (labels == labels[0]).all():
        return float((labels == other).mean())
    size = int(max(labels.max(), other.max())) + 1
    return agreement(torch.from_numpy(labels), torch.from_numpy(other), size)


def rose(agreement: Sequence[float], images: int) -> bool:
    """Return whether the agreement has turned and rises.

    What a model forgot in between is no turning point.

    Args:
        agreement (Sequence[float]): `kappa` of the frozen and the fine-tuned
            labels, along growing paths.
        images (int): Number of images: a rise of few of them is noise.

    Examples:
        >>> rose([1.0, 0.9, 0.8, 0.81], images=512)
        False
        >>> rose([1.0, 0.9, 0.8, 0.85], images=512)
        True
    """
    low = min((a for a in agreement if a >= FORGOTTEN), default=1.0)
    return agreement[-1] > low + noise(images)


def noise(images: int) -> float:
    """Return how far an agreement moves by chance.

    Args:
        images (int): Number of images it was measured on.
    """
    return max(RISE, NOISE / images**0.5)


def improved(clusters: Sequence[float], images: int) -> bool:
    """Return whether training brings the labels closer to the clusters.

    Args:
        clusters (Sequence[float]): `kappa` with the labels by clusters,
            before training and then along growing paths.
        images (int): Number of images.

    Examples:
        >>> improved([0.5, 0.51], images=512), improved([0.5, 0.6, 0.4], 512)
        (False, True)
    """
    return max(clusters) > clusters[0] + noise(images)


def fell(clusters: Sequence[float], images: int) -> bool:
    """Return whether the agreement has left its best value far behind.

    Args:
        clusters (Sequence[float]): See `improved`.
        images (int): Number of images.

    Examples:
        >>> fell([0.5, 0.6, 0.58], images=512), fell([0.5, 0.6, 0.5], 512)
        (False, True)
    """
    return clusters[-1] < max(clusters) - 2 * noise(images)


def best_rate(
    paths: Sequence[float], clusters: Sequence[float], steps: int
) -> float:
    """Return the learning rate of the steps that led to the best agreement.

    Args:
        paths (Sequence[float]): Growing sums of learning rates.
        clusters (Sequence[float]): `kappa` with the labels by clusters,
            measured there (without the one before training).
        steps (int): Steps between two measurements.

    Examples:
        >>> best_rate([1.0, 3.0, 7.0], [0.5, 0.7, 0.6], steps=4)
        0.5
    """
    best = max(range(len(clusters)), key=lambda i: clusters[i])
    walked = paths[best] - (paths[best - 1] if best else 0.0)
    return walked / steps


def broke(agreement: Sequence[float]) -> bool:
    """Return whether the model forgot its classes in a few large steps.

    Args:
        agreement (Sequence[float]): See `rose`.

    Examples:
        >>> broke([0.95, 0.9, 0.6]), broke([0.95, 0.9, 0.1])
        (False, True)
    """
    return agreement[-1] < FORGOTTEN


def turning_point(paths: Sequence[float], agreement: Sequence[float]) -> float:
    """Return the path at which the agreement is lowest.

    Measurements after the model forgot its classes do not count.

    Args:
        paths (Sequence[float]): Growing sums of learning rates.
        agreement (Sequence[float]): Measured there.

    Raises:
        ValueError: If the model forgot its classes on the first path.

    Examples:
        >>> turning_point([1e-4, 2e-4, 4e-4], [0.9, 0.8, 0.85])
        0.0002
        >>> turning_point([1e-4, 2e-4, 4e-4], [0.9, 0.8, 0.2])
        0.0002
    """
    sane = [
        (value, path)
        for path, value in zip(paths, agreement, strict=True)
        if value >= FORGOTTEN
    ]
    if not sane:
        raise ValueError(
            f'the shortest path of the search, {paths[0]:g}, does harm '
            'already: set `first` of LabelFreeScheduleHook lower'
        )
    return min(sane)[1]


def next_path(paths: Sequence[float], agreement: Sequence[float]) -> float:
    """Return the path of the next measurement.

    Args:
        paths (Sequence[float]): The measured ones.
        agreement (Sequence[float]): Measured there.
    """
    return paths[-1] * (COARSE if agreement[-1] > UNTOUCHED else FINE)


def why_stopped(record: dict, best: float | None) -> str:
    """Say why a run ended early.

    Args:
        record (dict): ``training`` and ``epochs``, what was measured.
        best (float, optional): The best agreement with the clusters, if these
            were followed.
    """
    if best is not None:
        return (
            'in the last epoch labels agreed less with the clusters of the '
            f'images than before ({record["training"][-1][1]:.2f}, after '
            f'{best:.2f})'
        )
    return (
        'the agreement of frozen and fine-tuned labels is '
        f'{record["epochs"][-1]:.2f} again, after '
        f'{min(record["epochs"]):.2f}; going on would repeat the '
        'zero-shot labels'
    )
