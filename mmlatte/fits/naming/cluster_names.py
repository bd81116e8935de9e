"""Which class name every cluster of images bears."""

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ..add_rows import add_rows

__all__ = ['agreement', 'assign_names', 'name_posterior']


def name_posterior(
    clusters: Tensor, spread: Tensor, labels: Tensor, pseudo_count: float
) -> Tensor:
    r"""Log posterior of every name in every cluster, up to a constant.

    .. math::
        e_{kc} = \log\frac{\sum_{i \in k} F_{ic} + a}{1 + a C}
            + \log\frac{|\{i \in k : y_i = c\}| / |k| + a}{1 + a C}

    The first term is how likely an image that got label c along the graph is
    to lie in cluster k, the second how likely an image of k is to get label
    c. They err in opposite ways: the first gives every name the same mass, so
    that a name without images wins somewhere; the second gives a name as much
    as zero-shot CLIP does, rightly or not. A name needs both.

    Args:
        clusters (Tensor): k, int64 (n,), from 0 to C - 1.
        spread (Tensor): F, spread labels, (n, C); columns sum to 1.
        labels (Tensor): y, zero-shot labels, int64 (n,).
        pseudo_count (float): a, what a name has in a cluster without
            evidence, in shares of all of it.

    Returns:
        Tensor: e, (C, C), a row for every cluster.

    Examples:
        Name 0 has more spread labels in cluster 0, but zero-shot CLIP calls
        the images 1:

        >>> clusters = torch.tensor([0, 0, 0, 0, 1, 1])
        >>> spread = torch.tensor([[0.2, 0.15]] * 4 + [[0.1, 0.2]] * 2)
        >>> labels = torch.tensor([1, 1, 1, 1, 1, 0])
        >>> name_posterior(clusters, spread, labels, 0.02).argmax(1).tolist()
        [1, 1]
    """
    count = spread.shape[1]
    pairs = (clusters * count + labels).bincount(minlength=count * count)
    share = pairs.view(count, count).to(spread)
    share /= share.sum(dim=1, keepdim=True).clamp(min=1)
    mass = torch.zeros_like(share)
    add_rows(mass, clusters, spread)
    total = 1 + pseudo_count * count
    return (
        (mass + pseudo_count) / total * (share + pseudo_count) / total
    ).log()


def assign_names(
    posterior: Tensor, clusters: Tensor, reuse_penalty: float
) -> Tensor:
    r"""Find the most probable names under a prior for different ones.

    .. math:: \arg\max_y \sum_k e_{k y_k} + r\,|\{y_k\}|

    Solved exactly, as a linear assignment: a cluster is either the first to
    bear a name, or bears the one that is most probable for it.

    Args:
        posterior (Tensor): e, see `name_posterior`, (C, C).
        clusters (Tensor): int64 (n,); those without images bear no name.
        reuse_penalty (float): r, the log prior of a name that is new over one
            that another cluster bears.

    Returns:
        Tensor: y, the name of every cluster, int64 (C,).

    Examples:
        Both clusters are called 0, the second one less surely:

        >>> posterior = torch.tensor([[5.0, 0.0], [2.0, 1.0]])
        >>> assign_names(posterior, torch.tensor([0, 0, 1]), 2.0).tolist()
        [0, 1]
        >>> assign_names(posterior, torch.tensor([0, 0, 1]), 0.5).tolist()
        [0, 0]
    """
    names = posterior.argmax(dim=1)
    live = clusters.unique()
    rows = posterior[live]
    again = rows.new_full((len(live), len(live)), -torch.inf)
    again.diagonal().copy_(rows.amax(dim=1))
    gain = torch.cat([rows + reuse_penalty, again], dim=1)
    column = linear_sum_assignment(gain.cpu().numpy(), maximize=True)[1]
    first = torch.from_numpy(column).to(names)
    names[live] = torch.where(first < posterior.shape[1], first, names[live])
    return names


def agreement(first: Tensor, second: Tensor, classes: int) -> float:
    r"""Cohen's kappa: how far two labellings agree beyond chance.

    .. math:: \kappa = (p - p_e) / (1 - p_e)

    with p the share of equal labels and :math:`p_e` what shares of the
    classes alone would give.

    Args:
        first (Tensor): int64 (n,), not empty.
        second (Tensor): int64 (n,).
        classes (int): C.

    Returns:
        float: 1 for equal labels, about 0 for independent ones; 0 if both
        give all images one class.

    Examples:
        >>> first = torch.tensor([0, 0, 1, 1])
        >>> agreement(first, torch.tensor([0, 0, 1, 0]), 2)
        0.5
    """
    n = len(first)
    shares = [
        x.bincount(minlength=classes).double() / n for x in (first, second)
    ]
    expected = float(shares[0] @ shares[1])
    if expected >= 1:
        return 0.0
    equal = float((first == second).double().mean())
    return (equal - expected) / (1 - expected)
