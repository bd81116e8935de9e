import torch
from torch import Tensor

from .transport_options import TransportOptions


def balance_classes(
    scores: Tensor, shares: Tensor, options: TransportOptions
) -> Tensor:
    r"""Labels of the largest scores among those with given class shares.

    Sinkhorn's scaling of :math:`\exp(Q / \epsilon)`: columns to
    :math:`N q_c`, rows to 1, in turn.

    Args:
        scores (Tensor): Q, (N, C).
        shares (Tensor): q, positive, of sum 1, (C,).
        options (TransportOptions): ``epsilon``, ``balance_steps`` and
            ``tolerance``.

    Returns:
        Tensor: Rows of sum 1, (N, C).

    Examples:
        Both images show class 0 rather than 1, the first one more so:

        >>> scores = torch.tensor([[0.9, 0.1], [0.6, 0.4]]).double()
        >>> shares = torch.tensor([0.5, 0.5]).double()
        >>> balance_classes(scores, shares, TransportOptions()).round()
        tensor([[1., 0.],
                [0., 1.]], dtype=torch.float64)
    """
    if scores.dtype != torch.float64:
        # exp(-2 / epsilon) needs it, and some devices lack it.
        found = balance_classes(
            scores.cpu().double(), shares.cpu().double(), options
        )
        return found.to(scores)
    best = scores.amax(dim=1, keepdim=True)
    kernel = ((scores - best) / options.epsilon).exp()
    wanted = len(scores) * shares
    tiny = torch.finfo(torch.float64).tiny
    # Those of exp(Q / eps) itself, up to one factor.
    rows = ((best - best.max()) / options.epsilon).exp().squeeze(1)
    for _ in range(options.balance_steps):
        columns = wanted / (kernel.T @ rows).clamp(min=tiny)
        rows = 1 / (kernel @ columns).clamp(min=tiny)
        missed = (columns * (kernel.T @ rows) - wanted).abs().sum()
        if missed <= options.tolerance * len(scores):
            break
    return rows.unsqueeze(1) * kernel * columns
