import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmlatte.registry import MODELS


@torch.no_grad()
def text_margins(
    texts: Tensor, prototypes: Tensor, eps: float = 1e-6
) -> Tensor:
    r"""Margin of every text between its two best classes (LatteCLIP, mixer).

    .. math:: w(t) = \max_c t \cdot m_c - \max_{c \ne c^*} t \cdot m_c + \eps

    A text that fits two classes equally well does not separate them, so it
    gets (almost) no weight.

    Args:
        texts (Tensor): Unit text features, (..., D).
        prototypes (Tensor): Unit class prototypes ``m``, (C, D).
        eps (float): Keeps the weights positive. Defaults to 1e-6.

    Returns:
        Tensor: Margins, (...), without gradient. With a single class every
        text has the same margin 1.
    """
    if len(prototypes) == 1:
        return texts.new_ones(texts.shape[:-1])
    best = (texts @ prototypes.T).topk(2, dim=-1).values
    return best[..., 0] - best[..., 1] + eps


def mix_texts(texts: Tensor, weights: Tensor) -> Tensor:
    r"""Weighted mean of the texts of every sample (LatteCLIP, mixer).

    .. math:: t_i = \sum_k w_{ik} t_{ik} / \sum_k w_{ik}

    Args:
        texts (Tensor): Text features, (B, K, D).
        weights (Tensor): Positive weights, (B, K).

    Returns:
        Tensor: Mixed features (not normalised), (B, D).
    """
    shares = weights / weights.sum(dim=1, keepdim=True)
    return (shares.unsqueeze(-1) * texts).sum(dim=1)


@MODELS.register_module()
class DynamicFeatureMixer(nn.Module):
    """Mix the K texts of a sample by how well each separates the classes.

    Args:
        weighting (str): ``'margin'`` (published) or ``'uniform'`` (the
            ablation: a plain mean). Defaults to ``'margin'``.
        stale (bool): Measure the margins against the prototypes of the
            epoch's start, as the reference code does, instead of the current
            ones. Defaults to False.
        eps (float): Added to every margin. Defaults to 1e-6.

    Examples:
        >>> import torch
        >>> mixer = DynamicFeatureMixer()
        >>> texts = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
        >>> index = torch.tensor([[0, 1]])  # one sample with two texts
        >>> mixed, shares = mixer(texts, index, prototypes=torch.eye(2))
        >>> [round(share, 3) for share in shares[0].tolist()]
        [0.833, 0.167]
    """

    def __init__(
        self,
        weighting: str = 'margin',
        stale: bool = False,
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        if weighting not in ('margin', 'uniform'):
            raise ValueError(
                "DynamicFeatureMixer: weighting must be 'margin' or "
                f"'uniform', got {weighting!r}"
            )
        self.weighting = weighting
        self.stale = stale
        self.eps = eps

    def forward(
        self, texts: Tensor, index: Tensor, prototypes: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mix the texts that ``index`` names for every sample.

        Args:
            texts (Tensor): Unit features of the distinct texts, (U, D).
            index (Tensor): Rows of ``texts`` per sample and kind, (B, K).
            prototypes (Tensor): Unit class prototypes, (C, D).

        Returns:
            tuple[Tensor, Tensor]: Mixed features (B, D), which carry the
            texts' gradient, and the shares (B, K), which carry none.
        """
        if self.weighting == 'uniform':
            weights = texts.new_ones(index.shape)
        else:
            margins = text_margins(texts.detach(), prototypes, self.eps)
            weights = margins[index]
        # An embedding's gradient has the same bits every time; that of
        # texts[index] adds up in whatever order the threads of a CPU come.
        mixed = mix_texts(F.embedding(index, texts), weights)
        return mixed, weights / weights.sum(dim=1, keepdim=True)
