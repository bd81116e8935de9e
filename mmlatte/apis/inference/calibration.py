"""Confidence without labels.

The score of a prediction is a softmax over cosines times CLIP's logit scale.
Training on one's own pseudo-labels makes that score grow whether or not the
predictions get better, so it is no confidence any more. What is left that no
label is needed for: the frozen CLIP, whose scale was learned from hundreds of
millions of image-text pairs and not from its own answers. `fit_temperature`
flattens (or sharpens) the adapted scores until their mean confidence over a
set of images is the frozen CLIP's.

This fixes the level of the confidences of a set, not each one of them; and
if the adapted model is better than the frozen one, it is too modest by what
was gained. It is as good as the frozen CLIP's own calibration in the domain.
"""

import torch
from torch import Tensor

__all__ = ['fit_temperature', 'mean_confidence', 'with_temperature']


def with_temperature(scores: Tensor, temperature: float) -> Tensor:
    r"""Flatten probabilities: ``softmax(log(p) / T)``.

    With :math:`p = softmax(l)` this is :math:`softmax(l / T)`.

    Args:
        scores (Tensor): Probabilities, (..., C).
        temperature (float): ``T``; above 1 flattens, below 1 sharpens.

    Returns:
        Tensor: Probabilities, (..., C).
    """
    return (scores.log() / temperature).softmax(dim=-1)


def mean_confidence(scores: Tensor) -> float:
    """Mean of the highest probability; ``scores`` is (N, C)."""
    return scores.amax(dim=-1).double().mean().item()


def fit_temperature(
    scores: Tensor, target: float, bounds: tuple[float, float] = (0.01, 100.0)
) -> float:
    """Find the temperature that gives scores a mean confidence.

    The mean confidence falls with the temperature, so halving an interval
    finds it.

    Args:
        scores (Tensor): Probabilities, (N, C).
        target (float): The wanted mean confidence.
        bounds (tuple[float, float]): Smallest and largest answer; the nearer
            one is returned where the target is out of reach.

    Returns:
        float: The temperature.
    """
    logs = scores.double().log()
    low, high = (torch.tensor(bound).log().item() for bound in bounds)
    for _ in range(60):
        middle = (low + high) / 2
        temperature = torch.tensor(middle).exp()
        flat = (logs / temperature).softmax(dim=-1)
        if mean_confidence(flat) > target:
            low = middle
        else:
            high = middle
    return torch.tensor((low + high) / 2).exp().item()
