import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmlatte.registry import MODELS


def contrastive_loss(
    images: Tensor,
    targets: Tensor,
    scale: Tensor | float,
    positives: Tensor | None = None,
    valid: Tensor | None = None,
) -> Tensor:
    r"""Symmetric InfoNCE between images and their text-side targets.

    .. math::
        L = \tfrac12 [CE(s Z V^T, P) + CE(s V Z^T, P)]

    With the diagonal as positives this is CLIP's loss, the published one.
    With several positives per row the target distribution is uniform over
    them: :math:`-\frac1{|P_i|}\sum_{j \in P_i} \log p_{ij}`.

    Args:
        images (Tensor): Unit image features ``Z``, (B, D).
        targets (Tensor): Targets ``V``, (B, D).
        scale (Tensor | float): ``s``, the exponentiated logit scale.
        positives (Tensor, optional): Symmetric mask of matching pairs,
            (B, B) bool. Defaults to the diagonal.
        valid (Tensor, optional): False for samples that take no part (they
            pad the batch, say): neither rows nor columns, (B,) bool.

    Returns:
        Tensor: Scalar; 0 where no sample takes part.
    """
    logits = scale * images @ targets.T
    if positives is None:
        positives = torch.eye(
            len(logits), dtype=torch.bool, device=logits.device
        )
    rows = logits.new_ones(len(logits))
    if valid is not None:
        # A padding sample keeps its own column, so that its row stays finite.
        own = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
        hidden = ~(valid.unsqueeze(0) & valid.unsqueeze(1)) & ~own
        logits = logits.masked_fill(hidden, float('-inf'))
        positives = positives & ~hidden
        rows = valid.to(logits.dtype)

    def cross_entropy(logits: Tensor) -> Tensor:
        log_p = F.log_softmax(logits, dim=1).masked_fill(~positives, 0.0)
        per_row = -log_p.sum(dim=1) / positives.sum(dim=1)
        return (per_row * rows).sum() / rows.sum().clamp(min=1)

    return (cross_entropy(logits) + cross_entropy(logits.T)) / 2


@MODELS.register_module()
class ContrastiveLoss(nn.Module):
    """CLIP's loss on the global batch, see `contrastive_loss`.

    Args:
        positives (str): ``'diagonal'`` (published: samples of one class are
            negatives of each other) or ``'class'``: every pair with the same
            pseudo-label is positive. Defaults to ``'diagonal'``.
        normalize_targets (bool): Normalise ``v`` first; published: False.

    Examples:
        >>> import torch
        >>> loss = ContrastiveLoss()
        >>> z = torch.eye(2)
        >>> round(loss(z, z, 100.0, torch.tensor([0, 1])).item(), 6)
        0.0
    """

    def __init__(
        self, positives: str = 'diagonal', normalize_targets: bool = False
    ) -> None:
        super().__init__()
        if positives not in ('diagonal', 'class'):
            raise ValueError(
                "ContrastiveLoss: positives must be 'diagonal' or 'class', "
                f'got {positives!r}'
            )
        self.positives = positives
        self.normalize_targets = normalize_targets

    def forward(
        self,
        images: Tensor,
        targets: Tensor,
        scale: Tensor | float,
        labels: Tensor,
        valid: Tensor | None = None,
    ) -> Tensor:
        """Compute the loss of one label source.

        Args:
            images (Tensor): Unit image features of all ranks, (B, D).
            targets (Tensor): Targets ``v`` of all ranks, (B, D).
            scale (Tensor | float): Exponentiated logit scale.
            labels (Tensor): Pseudo-labels of all ranks, (B,).
            valid (Tensor, optional): False for padding samples, (B,).

        Returns:
            Tensor: Scalar.
        """
        if self.normalize_targets:
            targets = F.normalize(targets, dim=1)
        same_class = None
        if self.positives == 'class':
            same_class = labels.unsqueeze(0) == labels.unsqueeze(1)
        return contrastive_loss(images, targets, scale, same_class, valid)
