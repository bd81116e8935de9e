"""Which images a method learns from, and with which candidate classes.

All of them turn predictions (N, C) into candidate sets (N, C) bool: an image
without a candidate is not learned from, one with several may be any of them.
"""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlatte.registry import MODELS


def top_k_per_class(probabilities: Tensor, k: int) -> Tensor:
    """Choose the k most probable images of every class.

    An image that several classes choose is a candidate of all of them.

    Args:
        probabilities (Tensor): (N, C).
        k (int): Images per class, at most N are taken.

    Returns:
        Tensor: bool, (N, C), k per column.
    """
    k = min(k, len(probabilities))
    chosen = probabilities.topk(k, dim=0).indices
    candidates = torch.zeros_like(probabilities, dtype=torch.bool)
    return candidates.scatter_(0, chosen, True)


def intra_instance(probabilities: Tensor, alpha: float) -> Tensor:
    r"""Choose the most probable classes of every image, as many as it needs.

    The shortest prefix of an image's sorted classes whose probabilities add
    up to :math:`\tau`, the :math:`\alpha`-quantile of all images' largest
    probabilities (CPL, equation 3).

    Args:
        probabilities (Tensor): (N, C), rows sum to 1.
        alpha (float): In [0, 1].

    Returns:
        Tensor: bool, (N, C), one per row at least.
    """
    tau = _quantile(probabilities.amax(dim=1), alpha)
    values, order = probabilities.sort(dim=1, descending=True)
    before = values.cumsum(dim=1) - values
    # A class is needed if those before it do not reach tau.
    needed = before < tau
    needed[:, 0] = True
    return torch.zeros_like(needed).scatter_(1, order, needed)


def inter_instance(probabilities: Tensor, beta: float) -> Tensor:
    r"""Choose the classes for which an image is among the most probable.

    Those whose :math:`\beta`-quantile over all images it reaches.

    Args:
        probabilities (Tensor): (N, C).
        beta (float): In [0, 1].

    Returns:
        Tensor: bool, (N, C).
    """
    return probabilities >= _quantile(probabilities, beta)


def candidate_loss(
    logits: Tensor, candidates: Tensor, valid: Tensor, partial: bool
) -> Tensor:
    r"""Learn that an image shows its candidate class, or one of them.

    .. math::
        \mathrm{partial:}\quad & -\mathrm{mean}_{i: S_i \ne \emptyset}
        \log \sum_{c \in S_i} p_{ic} \\
        \mathrm{else:}\quad & -\mathrm{mean}_{(i, c): c \in S_i}
        \log p_{ic}

    Args:
        logits (Tensor): (B, C).
        candidates (Tensor): ``S``, (B, C) bool.
        valid (Tensor): Samples that count, (B,) bool.
        partial (bool): Whether one of several candidates is right, instead of
            each.

    Returns:
        Tensor: Scalar, 0 where there is no candidate.
    """
    candidates = candidates & valid.unsqueeze(1)
    log_p = F.log_softmax(logits, dim=1)
    if not partial:
        total = log_p.masked_fill(~candidates, 0.0).sum()
        return -total / candidates.sum().clamp(min=1)
    any_class = candidates.any(dim=1)
    # Rows without a candidate must not become infinite: they count nothing.
    shown = candidates | ~any_class.unsqueeze(1)
    rows = log_p.masked_fill(~shown, float('-inf')).logsumexp(dim=1)
    return -rows.masked_fill(~any_class, 0.0).sum() / any_class.sum().clamp(
        min=1
    )


def _quantile(values: Tensor, q: float) -> Tensor:
    """Interpolated quantile of rows; torch's own refuses large tensors."""
    ordered = values.sort(dim=0).values
    position = q * (len(values) - 1)
    below = int(position)
    above = min(below + 1, len(values) - 1)
    return ordered[below].lerp(ordered[above], position - below)


class PseudoLabelSelection(ABC):
    """How candidates follow from predictions, round after round."""

    #: See `candidate_loss`.
    partial = False

    @abstractmethod
    def __call__(
        self, probabilities: Tensor, round: int, rounds: int
    ) -> Tensor:
        """Return candidates.

        Args:
            probabilities (Tensor): Predictions of the model, (N, C).
            round (int): From 0 on; 0 is that of frozen CLIP.
            rounds (int): Number of rounds.

        Returns:
            Tensor: bool, (N, C).
        """


@MODELS.register_module()
class TopKSelection(PseudoLabelSelection):
    """The same number of images for every class, in every round.

    With one round, few pseudo-labels (FPL); with several, iteratively
    refined ones (IFPL); arXiv 2306.01669.

    Args:
        k (int): Images per class. Defaults to 16.
    """

    def __init__(self, k: int = 16) -> None:
        if k < 1:
            raise ValueError(f'TopKSelection: k must be positive, got {k}')
        self.k = k

    def __call__(
        self, probabilities: Tensor, round: int, rounds: int
    ) -> Tensor:
        """Choose k images per class."""
        return top_k_per_class(probabilities, self.k)


@MODELS.register_module()
class GrowingSelection(PseudoLabelSelection):
    """More images with every round, in the last one all (GRIP).

    ``k = (round + 1) * N / (rounds * C)`` images per class; arXiv 2306.01669.
    """

    def __call__(
        self, probabilities: Tensor, round: int, rounds: int
    ) -> Tensor:
        """Choose k images per class."""
        count, classes = probabilities.shape
        k = (round + 1) * count // (rounds * classes)
        return top_k_per_class(probabilities, max(k, 1))


@MODELS.register_module()
class CandidateSelection(PseudoLabelSelection):
    r"""Sets of classes instead of one (CPL, arXiv 2406.10502).

    The classes that are both probable for the image (`intra_instance`) and
    for which the image is probable (`inter_instance`). Of the images that
    have any, every round takes the surest per class, ``(round + 1) * N /
    (rounds * C)`` of them (our reading of "up to K pseudo-shots").

    Args:
        alpha (float): Defaults to 0.6.
        beta (float): Defaults to 0.9.
    """

    partial = True

    def __init__(self, alpha: float = 0.6, beta: float = 0.9) -> None:
        if not (0 <= alpha <= 1 and 0 <= beta <= 1):
            raise ValueError(
                'CandidateSelection: alpha and beta must be in [0, 1], got '
                f'{alpha} and {beta}'
            )
        self.alpha, self.beta = alpha, beta

    def __call__(
        self, probabilities: Tensor, round: int, rounds: int
    ) -> Tensor:
        """Choose sets of classes."""
        candidates = intra_instance(probabilities, self.alpha)
        candidates &= inter_instance(probabilities, self.beta)
        count, classes = probabilities.shape
        k = max((round + 1) * count // (rounds * classes), 1)
        surest = top_k_per_class(probabilities * candidates, k) & candidates
        return candidates & surest.any(dim=1, keepdim=True)
