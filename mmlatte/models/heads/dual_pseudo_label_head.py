import torch
import torch.nn as nn
from torch import Tensor

from mmlatte.registry import MODELS

#: The two pseudo-label sources: frozen and fine-tuned CLIP.
SOURCES = ('zero_shot', 'finetuned')


def nearest_prototype(features: Tensor, prototypes: Tensor) -> Tensor:
    r"""Label every feature with its nearest prototype.

    .. math:: y_i = \arg\max_c z_i \cdot m_c

    Args:
        features (Tensor): Unit features, (B, D).
        prototypes (Tensor): Unit prototypes, (C, D).

    Returns:
        Tensor: int64 labels, (B,), without gradient.
    """
    with torch.no_grad():
        return (features @ prototypes.T).argmax(dim=1)


@MODELS.register_module()
class DualPseudoLabelHead(nn.Module):
    r"""Two pseudo-labels per image, one contrastive loss for each.

    .. math:: L = \lambda_Z L_Z + \lambda_F L_F

    ``Z`` is the frozen, zero-shot CLIP, whose labels come with the samples;
    ``F`` is the model being trained, which labels by its current prototypes.

    Args:
        loss (dict): Config of the loss of one source.
        zero_shot_weight (float): :math:`\lambda_Z`; 0 leaves the source out
            altogether. Defaults to 1.0.
        finetuned_weight (float): :math:`\lambda_F`; the same.
    """

    def __init__(
        self,
        loss: dict | None = None,
        zero_shot_weight: float = 1.0,
        finetuned_weight: float = 1.0,
    ) -> None:
        super().__init__()
        weights = (zero_shot_weight, finetuned_weight)
        if min(weights) < 0 or max(weights) == 0:
            raise ValueError(
                'DualPseudoLabelHead: the weights of the two losses must not '
                'be negative, and one must be positive; got '
                f'zero_shot_weight={zero_shot_weight}, '
                f'finetuned_weight={finetuned_weight}'
            )
        self.weights = {
            source: weight
            for source, weight in zip(SOURCES, weights, strict=True)
            if weight > 0
        }
        self.loss_module = MODELS.build(
            loss or dict(type='mmlatte.ContrastiveLoss')
        )

    def pseudo_labels(
        self, features: Tensor, prototypes: Tensor, zero_shot: Tensor
    ) -> dict[str, Tensor]:
        """Return the labels (B,) of every source in use.

        Args:
            features (Tensor): Unit image features ``z``, (B, D).
            prototypes (Tensor): Unit prototypes ``m``, (C, D).
            zero_shot (Tensor): Labels of the frozen CLIP, (B,).
        """
        labels = {
            'zero_shot': zero_shot,
            'finetuned': nearest_prototype(features, prototypes),
        }
        return {source: labels[source] for source in self.weights}

    def loss(
        self,
        images: Tensor,
        targets: dict[str, Tensor],
        labels: dict[str, Tensor],
        scale: Tensor,
        valid: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Compute the weighted loss of every source on the global batch.

        Args:
            images (Tensor): Unit image features of all ranks, (B, D).
            targets (dict[str, Tensor]): ``v`` per source, (B, D).
            labels (dict[str, Tensor]): Pseudo-labels per source, (B,).
            scale (Tensor): Exponentiated logit scale.
            valid (Tensor, optional): False for padding samples, (B,).

        Returns:
            dict[str, Tensor]: ``loss_zero_shot`` and ``loss_finetuned``.
        """
        return {
            f'loss_{source}': weight
            * self.loss_module(
                images, targets[source], scale, labels[source], valid
            )
            for source, weight in self.weights.items()
        }
