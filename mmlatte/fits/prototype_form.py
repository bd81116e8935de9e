"""Linear classifiers of unit features as prototypes, which exports hold."""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ['PrototypeForm', 'prototype_form']

#: Below the mean logit: a class that is never predicted.
NEVER = 20.0


@dataclass
class PrototypeForm:
    """A classifier ``softmax(s m f)``.

    Args:
        prototypes (Tensor): m, unit rows, (C, D).
        scale (float): s.
        kept (float): Share of the fitted images that keep their label.
    """

    prototypes: Tensor
    scale: float
    kept: float


def prototype_form(
    weight: Tensor,
    bias: Tensor,
    second: Tensor,
    mean: Tensor,
    live: Tensor,
    shrinkage: float,
) -> tuple[Tensor, float]:
    r"""Write ``softmax(W f + b)`` as ``softmax(s m f)`` with unit rows m.

    Three steps, of which only the first is not exact. Features of CLIP lie in
    a narrow cone, so that a direction u has nearly the same product with all
    of them, and can carry the biases::

        u ~ S^-1 E[f],  E[u . f] = 1,  S = (1 - r) E[f f'] + r tr/D I
        p_c = w_c + b_c u
        m_c = (p_c + v) / s,   |p_c + v| = s for all c

    A vector v that is added to all classes changes no posterior; the shortest
    one that makes all lengths equal solves a linear system, which has a
    solution if there are no more classes than dimensions. S is shrunken as in
    `linear_discriminants`: without it u fits the noise of few images.

    Args:
        weight (Tensor): W, (C, D).
        bias (Tensor): b, (C,).
        second (Tensor): Mean of f f' over the images, (D, D).
        mean (Tensor): Mean of f, (D,).
        live (Tensor): bool (C,); the other classes are never predicted.
        shrinkage (float): r, in (0, 1].

    Returns:
        tuple[Tensor, float]: Unit prototypes (C, D), float64 on the host, and
        the scale s.

    Raises:
        ValueError: If the system has no solution.
    """
    # Some accelerators have no float64; the matrices are small.
    live = live.cpu()
    weight, bias, second, mean = (
        x.cpu().double() for x in (weight, bias, second, mean)
    )
    width = len(mean)
    ridge = shrinkage * second.trace() / width
    second = (1 - shrinkage) * second + ridge * torch.eye(width).double()
    u = torch.linalg.solve(second, mean)
    u = u / (u @ mean)
    shift = torch.where(live, bias - bias[live].mean(), -NEVER)
    p = torch.where(live.unsqueeze(1), weight, weight[live].mean(dim=0))
    p = p + shift.unsqueeze(1) * u
    p = p - p.mean(dim=0)
    lengths = p.square().sum(dim=1)
    v = torch.linalg.pinv(p[1:] - p[:1]) @ (lengths[0] - lengths[1:]) / 2
    rows = p + v
    lengths = rows.norm(dim=1)
    scale = lengths.mean()
    if (lengths - scale).abs().max() > 1e-6 * scale:
        raise ValueError(
            f'{len(p)} classes in {p.shape[1]} dimensions cannot be told by '
            'prototypes of one length; fit with as_prototypes=False'
        )
    return rows / lengths.unsqueeze(1), float(scale)
