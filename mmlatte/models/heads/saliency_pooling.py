import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

#: Weight of the edges of the graph that are not there.
ALMOST_NONE = 1e-6


@torch.no_grad()
def salient_tokens(
    tokens: Tensor,
    threshold: float = 0.2,
    affinity: str = 'cosine',
    split: str = 'mean',
) -> Tensor:
    r"""Find the foreground of an image by a normalised cut of its tokens.

    .. math::
        A = [\cos(v_i, v_j) > \tau], \quad
        L = D^{-1/2} (D - A) D^{-1/2}

    The second eigenvector e of L parts the graph; the side of its largest
    entry in absolute value is the foreground, where e is above its mean
    (TokenCut, arXiv 2202.11539). That entry always belongs to it, so that no
    mask is empty. Where all tokens are alike, nothing parts them: all count.

    Args:
        tokens (Tensor): ``v``, (B, N, W).
        threshold (float): :math:`\tau`. Defaults to 0.2.
        affinity (str): ``'cosine'``, or ``'dot'`` as in the reference code of
            microCLIP, whose tokens are so long that nearly all pairs pass.
        split (str): ``'mean'``, or ``'std'`` as in that code: where e is
            above its standard deviation.

    Returns:
        Tensor: bool, (B, N).
    """
    # Apple's GPUs have neither double precision nor eigenvectors.
    v = tokens.cpu() if tokens.device.type == 'mps' else tokens
    v = v.double()  # eigenvectors of nearly equal values need it
    if affinity == 'cosine':
        v = F.normalize(v, dim=2)
    edges = v @ v.transpose(1, 2) > threshold
    a = edges.to(v.dtype).clamp(min=ALMOST_NONE)
    root = a.sum(dim=2).rsqrt()
    unit = torch.eye(a.shape[1], dtype=a.dtype, device=a.device)
    laplacian = unit - root.unsqueeze(2) * a * root.unsqueeze(1)
    vectors = torch.linalg.eigh(laplacian).eigenvectors
    e = vectors[:, :, min(1, a.shape[1] - 1)]
    seed = e.abs().argmax(dim=1, keepdim=True)
    e = e * e.gather(1, seed).sign()
    bound = e.mean(dim=1) if split == 'mean' else e.std(dim=1)
    mask = (e > bound.unsqueeze(1)).scatter(1, seed, True)
    mask = mask | edges.flatten(1).all(dim=1, keepdim=True)
    return mask.to(tokens.device)


class SaliencyPooling(nn.Module):
    r"""Pool the tokens of an image by attention from its foreground (SOAP).

    .. math::
        q = \mathrm{mean}_{n \in mask} v_n, \quad
        FG = \sum_n \mathrm{softmax}_n(
            \tfrac{W_q q \cdot W_k v_n}{\sqrt{W}}) W_v v_n

    One token of zeros takes part in the softmax: attention may go nowhere.
    The three maps start as the identity.

    Args:
        width (int): W, the width of the tokens.
        threshold (float): See `salient_tokens`.
        affinity (str): See `salient_tokens`.
        split (str): See `salient_tokens`.

    Raises:
        ValueError: If `affinity` or `split` is unknown.
    """

    def __init__(
        self,
        width: int,
        threshold: float = 0.2,
        affinity: str = 'cosine',
        split: str = 'mean',
    ) -> None:
        super().__init__()
        if affinity not in ('cosine', 'dot') or split not in ('mean', 'std'):
            raise ValueError(
                "SaliencyPooling: affinity must be 'cosine' or 'dot' and "
                f"split 'mean' or 'std', got {affinity!r} and {split!r}"
            )
        self.cut = dict(threshold=threshold, affinity=affinity, split=split)
        self.query, self.key, self.value = (
            nn.Linear(width, width, bias=False) for _ in range(3)
        )
        for layer in (self.query, self.key, self.value):
            nn.init.eye_(layer.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """Pool tokens (B, N, W) to (B, W)."""
        mask = salient_tokens(tokens, **self.cut).to(tokens.dtype)
        q = (mask.unsqueeze(1) @ tokens) / mask.sum(1)[:, None, None]
        v = F.pad(tokens, (0, 0, 0, 1))  # the token of zeros
        attention = self.query(q) @ self.key(v).transpose(1, 2)
        attention = attention / math.sqrt(tokens.shape[2])
        return (attention.softmax(dim=2) @ self.value(v)).squeeze(1)
