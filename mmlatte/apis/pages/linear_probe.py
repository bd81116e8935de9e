"""Logistic regression on frozen features: what labels alone would give."""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlatte.fits.linear_classifier import LinearClassifier

__all__ = ['linear_probe']

#: Inverse strength of the penalty, for features times the logit scale.
INVERSE_PENALTY = 10.0
STEPS = 500


def linear_probe(
    features: Tensor, labels: Tensor, classes: int
) -> LinearClassifier:
    r"""Fit a multinomial logistic regression.

    .. math::
        \min_{W, b} \tfrac12 \|W\|^2 + 10 \sum_i CE(W f_i + b, y_i)

    Args:
        features (Tensor): f, (n, D).
        labels (Tensor): y, int64 (n,).
        classes (int): C.

    Returns:
        LinearClassifier: In double precision.

    Examples:
        >>> x = torch.tensor([[0.0], [1.0], [9.0], [10.0]]).double()
        >>> probe = linear_probe(x, torch.tensor([1, 1, 0, 0]), classes=2)
        >>> probe.logits(x[[1, 3]]).argmax(dim=1).tolist()
        [1, 0]
    """
    features = features.double()
    weight = features.new_zeros(classes, features.shape[1])
    bias = features.new_zeros(classes)
    parameters = [weight.requires_grad_(), bias.requires_grad_()]
    optimizer = torch.optim.LBFGS(
        parameters, max_iter=STEPS, line_search_fn='strong_wolfe'
    )

    def objective() -> Tensor:
        optimizer.zero_grad()
        logits = F.linear(features, weight, bias)
        # The mean, so that tolerances mean the same for any number.
        loss = F.cross_entropy(logits, labels)
        penalty = weight.square().sum() / (2 * INVERSE_PENALTY * len(labels))
        loss = loss + penalty
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(objective)
    return LinearClassifier(weight.detach(), bias.detach())
