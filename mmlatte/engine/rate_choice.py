r"""Learning rate and stop, from the agreement of two pseudo-labels.

While a model leaves the mistakes of its zero-shot labels behind, it agrees
with them less and less. Steps that are too large tear its features apart: then
it forgets its classes within a few steps, and the agreement collapses. The
best learning rate is usually within a factor of two of the largest that does
no such harm (Bengio, arXiv 1206.5533, section 3.1.1; Smith's range test, arXiv
1506.01186, finds that one by growing the rate). None of this needs a true
label.

In a long run the agreement rises again: networks fit wrong labels last (Liu
et al., *Early-Learning Regularization*, arXiv 2007.00151), and then repeat
their zero-shot labels with all mistakes.

Agreement is Cohen's kappa: 1 where all labels are the same, 0 for chance, so
that a model which calls everything by the most frequent name scores 0.
"""

from collections.abc import Sequence

import numpy as np

__all__ = [
    'UNTOUCHED',
    'best_rate',
    'broke',
    'kappa',
    'next_rate',
    'went_back',
]

#: A rise of the agreement that is no noise, and the same in images^-0.5.
RISE, NOISE = 0.02, 0.45
#: Below this the model has forgotten its classes: no longer a "moderate"
#: agreement (Landis and Koch, Biometrics 1977).
FORGOTTEN = 0.4
#: Above this it has learned nothing yet.
UNTOUCHED = 0.95
#: Growth of the rate between measurements before and after it learns.
COARSE, FINE = 4.0, 2.0
#: From the largest harmless rate to the one to train with.
MARGIN = 2.0


def kappa(labels: np.ndarray, other: np.ndarray) -> float:
    r"""Return the agreement beyond chance.

    .. math:: \kappa = (a - e) / (1 - e), \quad e = \sum_c p_c q_c

    with the share a of equal labels and the shares p, q of the classes.

    Args:
        labels (np.ndarray): int (N,), those of the frozen model.
        other (np.ndarray): int (N,).

    Returns:
        float: At most 1. If `labels` know a single class there is no chance
        to tell, and it is the share a.

    Examples:
        >>> kappa(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]))
        0.5
        >>> kappa(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0]))
        0.0
        >>> kappa(np.array([0, 0, 0, 0]), np.array([0, 0, 0, 1]))
        0.75
    """
    same = float((labels == other).mean())
    size = int(max(labels.max(), other.max())) + 1
    p, q = (np.bincount(x, minlength=size) / len(x) for x in (labels, other))
    if p.max() == 1:
        return same
    chance = float(p @ q)
    return (same - chance) / (1 - chance)


def broke(agreement: Sequence[float]) -> bool:
    """Tell whether the model forgot its classes.

    Args:
        agreement (Sequence[float]): `kappa` of the frozen and the fine-tuned
            labels, one measurement after the other.

    Examples:
        >>> broke([0.95, 0.9, 0.6]), broke([0.95, 0.9, 0.1])
        (False, True)
    """
    return agreement[-1] < FORGOTTEN


def went_back(agreement: Sequence[float], images: int) -> bool:
    """Tell whether half of what had changed is as it was before.

    Args:
        agreement (Sequence[float]): See `broke`; 1 before training. What a
            model forgot in between does not count.
        images (int): Number of images: a rise of few of them is noise.

    Examples:
        >>> went_back([0.9, 0.8, 0.85], images=512)
        False
        >>> went_back([0.9, 0.8, 0.92], images=512)
        True
    """
    low = min([1.0, *(a for a in agreement if a >= FORGOTTEN)])
    return agreement[-1] > low + max((1 - low) / 2, RISE, NOISE / images**0.5)


def best_rate(rates: Sequence[float], agreement: Sequence[float]) -> float:
    """Return the learning rate to train with.

    Args:
        rates (Sequence[float]): Growing learning rates.
        agreement (Sequence[float]): Measured after a few steps with each.

    Raises:
        ValueError: If the first rate does harm already.

    Examples:
        >>> best_rate([1e-4, 2e-4, 4e-4], [0.9, 0.8, 0.2])
        0.0001
    """
    harmless = rates[:-1] if broke(agreement) else rates
    if not harmless:
        raise ValueError(
            f'the lowest learning rate of the search, {rates[0]:g}, does harm '
            'already: set `first` of LabelFreeScheduleHook lower'
        )
    return harmless[-1] / MARGIN


def next_rate(rates: Sequence[float], agreement: Sequence[float]) -> float:
    """Return the rate of the next measurement.

    Args:
        rates (Sequence[float]): The measured ones.
        agreement (Sequence[float]): Measured there.
    """
    return rates[-1] * (COARSE if agreement[-1] > UNTOUCHED else FINE)
