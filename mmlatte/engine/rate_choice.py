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
"""

from collections.abc import Sequence

__all__ = ['UNTOUCHED', 'best_rate', 'broke', 'next_rate', 'went_back']

#: A rise of the agreement that is no noise, and the same in images^-0.5.
RISE, NOISE = 0.02, 0.45
#: Below this share of the first agreement the model has forgotten its
#: classes: that is no learning.
FORGOTTEN = 0.5
#: Above this share it has learned nothing yet.
UNTOUCHED = 0.95
#: Growth of the rate between measurements before and after it learns.
COARSE, FINE = 4.0, 2.0
#: From the largest harmless rate to the one to train with.
MARGIN = 2.0


def broke(agreement: Sequence[float]) -> bool:
    """Tell whether the model forgot its classes.

    Args:
        agreement (Sequence[float]): Share of the images on which the two
            labels agree, from an untrained model on.

    Examples:
        >>> broke([0.95, 0.9, 0.6]), broke([0.95, 0.9, 0.1])
        (False, True)
    """
    return agreement[-1] < FORGOTTEN * agreement[0]


def went_back(agreement: Sequence[float], images: int) -> bool:
    """Tell whether half of what had changed is as it was before.

    Args:
        agreement (Sequence[float]): See `broke`.
        images (int): Number of images: a rise of few of them is noise.

    Examples:
        >>> went_back([1.0, 0.9, 0.8, 0.85], images=512)
        False
        >>> went_back([1.0, 0.9, 0.8, 0.92], images=512)
        True
    """
    low, now = min(agreement), agreement[-1]
    half = (agreement[0] - low) / 2
    return now > low + max(half, RISE, NOISE / images**0.5)


def best_rate(rates: Sequence[float], agreement: Sequence[float]) -> float:
    """Return the learning rate to train with.

    Args:
        rates (Sequence[float]): Growing learning rates.
        agreement (Sequence[float]): Measured after a few steps with each.

    Examples:
        >>> best_rate([1e-4, 2e-4, 4e-4], [0.9, 0.8, 0.2])
        0.0001
    """
    harmless = rates[:-1] if broke(agreement) else rates
    return harmless[-1] / MARGIN


def next_rate(rates: Sequence[float], agreement: Sequence[float]) -> float:
    """Return the rate of the next measurement.

    Args:
        rates (Sequence[float]): The measured ones.
        agreement (Sequence[float]): Measured there.
    """
    untouched = agreement[-1] > UNTOUCHED * agreement[0]
    return rates[-1] * (COARSE if untouched else FINE)
