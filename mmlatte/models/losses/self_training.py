"""What losses of self-training share: averages and class balance."""

import torch.nn.functional as F
from torch import Tensor


def masked_mean(values: Tensor, valid: Tensor) -> Tensor:
    """Average values (B, ...) over the samples that are valid, (B,) bool.

    Zero where none is.
    """
    weights = valid.to(values.dtype)
    weighted = weights.reshape(-1, *[1] * (values.ndim - 1)) * values
    return weighted.sum(dim=0) / weights.sum().clamp(min=1)


def cross_entropy(
    logits: Tensor,
    labels: Tensor,
    valid: Tensor,
    weights: Tensor | None = None,
    smoothing: float = 0.0,
) -> Tensor:
    r"""Average the (weighted) cross-entropy over the valid samples.

    .. math:: L = \mathrm{mean}_i\, \omega_i CE(l_i, y_i)

    Args:
        logits (Tensor): (B, C).
        labels (Tensor): (B,).
        valid (Tensor): Samples that count, (B,) bool.
        weights (Tensor, optional): :math:`\omega`, (B,). Not normalised.
        smoothing (float): Label smoothing. Defaults to 0.
    """
    losses = F.cross_entropy(
        logits, labels, reduction='none', label_smoothing=smoothing
    )
    if weights is not None:
        losses = losses * weights
    return masked_mean(losses, valid)


def log_mean_softmax(logits: Tensor, valid: Tensor) -> Tensor:
    r"""Average the predictions of a batch, in log space.

    .. math:: \log \bar p, \quad
        \bar p = \mathrm{mean}_i\, \mathrm{softmax}(l_i)

    Args:
        logits (Tensor): ``l``, (B, C).
        valid (Tensor): Samples that count, (B,) bool.

    Returns:
        Tensor: (C,).
    """
    # In a batch without any, all count: infinities have no gradient.
    valid = valid | ~valid.any()
    log_p = F.log_softmax(logits, dim=1)
    hidden = (~valid).unsqueeze(1)
    log_sum = log_p.masked_fill(hidden, float('-inf')).logsumexp(dim=0)
    return log_sum - valid.sum().log()


def fairness_loss(
    logits: Tensor, valid: Tensor, shares: Tensor | None = None
) -> Tensor:
    r"""Ask that no class be forgotten.

    .. math:: L = -\sum_c \pi_c \log \bar p_c

    Smallest where the average prediction is :math:`\pi`. In log space: the
    further a class is forgotten, the stronger the pull.

    Args:
        logits (Tensor): (B, C).
        valid (Tensor): Samples that count, (B,) bool.
        shares (Tensor, optional): :math:`\pi`, the shares of the classes,
            (C,). Defaults to 1 / C each.
    """
    log_mean = log_mean_softmax(logits, valid)
    loss = -(log_mean.mean() if shares is None else shares @ log_mean)
    return loss * valid.any()
