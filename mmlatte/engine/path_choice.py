r"""How far to train, from the agreement of two pseudo-labels.

AdamW moves every weight by about the learning rate per step, so the sum of
the learning rates, the *path*, says how far a run goes, whatever its number of
steps. While a model leaves the mistakes of its zero-shot labels behind, it
agrees with them less and less; later it learns these labels by heart, and the
agreement rises again. In between it is best. (Networks fit noisy labels last:
Liu et al., *Early-Learning Regularization*, arXiv 2007.00151.) That turning
point shows without any true label.
"""

from collections.abc import Sequence

__all__ = ['broke', 'next_path', 'rose', 'turning_point']

#: A rise of the agreement that is no noise, and the same in images^-0.5.
RISE, NOISE = 0.02, 0.45
#: Below this share of the first agreement the model has forgotten its
#: classes: that is no learning.
FORGOTTEN = 0.5
#: Above this share it has learned nothing yet.
UNTOUCHED = 0.95
#: Growth of the path between measurements before and after it learns.
COARSE, FINE = 4.0, 2.0


def rose(agreement: Sequence[float], images: int) -> bool:
    """Tell whether the agreement has turned and rises.

    Args:
        agreement (Sequence[float]): Share of the images on which the two
            labels agree, along growing paths, from an untrained model on.
        images (int): Number of images: a rise of few of them is noise.

    Examples:
        >>> rose([1.0, 0.9, 0.8, 0.81], images=512)
        False
        >>> rose([1.0, 0.9, 0.8, 0.85], images=512)
        True
    """
    return agreement[-1] > min(agreement) + max(RISE, NOISE / images**0.5)


def broke(agreement: Sequence[float]) -> bool:
    """Tell whether the model forgot its classes in a few large steps.

    Args:
        agreement (Sequence[float]): See `rose`.
    """
    return agreement[-1] < FORGOTTEN * agreement[0]


def turning_point(paths: Sequence[float], agreement: Sequence[float]) -> float:
    """Return the path at which the agreement is lowest.

    Measurements after the model forgot its classes do not count.

    Args:
        paths (Sequence[float]): Growing sums of learning rates.
        agreement (Sequence[float]): Measured there.

    Examples:
        >>> turning_point([1e-4, 2e-4, 4e-4], [0.9, 0.8, 0.85])
        0.0002
        >>> turning_point([1e-4, 2e-4, 4e-4], [0.9, 0.8, 0.2])
        0.0002
    """
    _, path = min(
        (value, path)
        for path, value in zip(paths, agreement, strict=True)
        if value >= FORGOTTEN * agreement[0]
    )
    return path


def next_path(paths: Sequence[float], agreement: Sequence[float]) -> float:
    """Return the path of the next measurement.

    Args:
        paths (Sequence[float]): The measured ones.
        agreement (Sequence[float]): Measured there.
    """
    untouched = agreement[-1] > UNTOUCHED * agreement[0]
    return paths[-1] * (COARSE if untouched else FINE)
