"""Whether clusters that were fitted are clusters, or parts of one."""

import torch
from torch import Tensor

from .linear_discriminants import linear_discriminants

__all__ = ['join_clusters', 'valleys']

#: Clusters with which each is compared: the nearest ones.
NEAREST = 3
#: Where the density is estimated: parts of the way between two medians.
GRID = 9
#: Width of the Gaussian kernel, in distances of the medians.
KERNEL = 0.15


def join_clusters(
    features: Tensor,
    labels: Tensor,
    evidence: Tensor,
    limit: float,
    folds: int = 1,
) -> Tensor:
    """Join clusters as long as two of them show no valley in between.

    A joined cluster gets the name of the two for which there is more
    evidence in all of its images.

    Args:
        features (Tensor): (n, D), double precision.
        labels (Tensor): int64 (n,), clusters from 0 to C - 1.
        evidence (Tensor): How much an image speaks for a name, (n, C).
        limit (float): In (0, 1); two clusters whose `valleys` are above it
            are one.
        folds (int): See `valleys`.

    Returns:
        Tensor: int64 (C,), the cluster that each one went to, itself where
        it stayed.

    Examples:
        Two halves of one cluster, and another cluster:

        >>> draw = torch.Generator().manual_seed(0)
        >>> x = torch.randn(300, 4, generator=draw, dtype=torch.float64)
        >>> x[200:] += 9
        >>> half = (x[:, 0] > 0).long()
        >>> labels = torch.where(torch.arange(300) < 200, half, 2)
        >>> evidence = torch.tensor([[0.0, 1.0, 0.0]]).expand(300, 3)
        >>> join_clusters(x, labels, evidence, 0.65).tolist()
        [1, 1, 2]
    """
    count = evidence.shape[1]
    into = torch.arange(count, device=labels.device)
    while True:
        now = into[labels]
        found = valleys(features, now, folds)
        found = [pair for pair in found if pair[0] > limit]
        if not found:
            return into
        taken: set[int] = set()
        # The least distinct first; a cluster takes part once a round.
        for _, a, b in sorted(found, reverse=True):
            if a in taken or b in taken:
                continue
            taken |= {a, b}
            both = evidence[(now == a) | (now == b)].sum(dim=0)
            winner, loser = (a, b) if both[a] >= both[b] else (b, a)
            into[into == loser] = winner


def valleys(
    features: Tensor, labels: Tensor, folds: int = 1
) -> list[tuple[float, int, int]]:
    r"""How deep the density falls between neighbouring clusters.

    Images of clusters a and b are projected on the direction that separates
    Gaussians of these means and of the covariance that all clusters share
    (shrunk by s = D / (n - 1 + D)). Their density is estimated at 9 points
    from the median of b to that of a, with a kernel of 0.15 of the distance.
    The valley is the lowest of the 5 points in the middle over the lower of
    the two hills at the ends: 1 where there is none.

    Args:
        features (Tensor): (n, D), double precision.
        labels (Tensor): int64 (n,).
        folds (int): 1 projects the images that the direction was fitted to:
            few images in many dimensions then always look separate. With
            more, it is fitted to the images of the other folds, among which
            every cluster is spread evenly: few images then look like one
            cluster.

    Returns:
        list[tuple[float, int, int]]: The valley, a and b, for every cluster
        and its 3 nearest.
    """
    present = labels.unique()
    names, labels = present.tolist(), torch.searchsorted(present, labels)
    if len(names) < 2:
        return []
    fold = _folds(labels, folds)
    scores = features.new_empty(len(labels), len(names))
    distances = []
    for k in range(folds):
        own = fold == k
        used = ~own if folds > 1 else own
        weight, bias, distance = _discriminants(
            features[used], labels[used], len(names)
        )
        scores[own] = features[own] @ weight.T + bias
        distances.append(distance)
    distance = torch.stack(distances)
    apart = distance.mean(dim=0)
    apart.fill_diagonal_(torch.inf)
    near = apart.topk(min(NEAREST, len(names) - 1), largest=False).indices
    pairs = {
        (min(a, b), max(a, b))
        for a, row in enumerate(near.tolist())
        for b in row
    }
    found = []
    for a, b in sorted(pairs):
        which = ((labels == a) | (labels == b)).nonzero().squeeze(1)
        unit = distance[fold[which], a, b]
        place = (scores[which, a] - scores[which, b]) / unit
        depth = _valley(place, labels[which] == a)
        found.append((depth, names[a], names[b]))
    return found


def _folds(labels: Tensor, folds: int) -> Tensor:
    """Deal the images of every cluster out, in their order; int64 (n,)."""
    order = labels.argsort(stable=True)
    counts = labels.bincount()
    place = torch.empty_like(labels)
    place[order] = torch.arange(len(labels), device=labels.device)
    return (place - (counts.cumsum(0) - counts)[labels]) % folds


def _discriminants(
    features: Tensor, labels: Tensor, count: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, biases and Mahalanobis distances of the clusters."""
    member = torch.nn.functional.one_hot(labels, count).to(features)
    counts = member.sum(dim=0)
    sums = member.T @ features
    means = sums / counts.clamp(min=1).unsqueeze(1)
    n, width = features.shape
    weight, bias = linear_discriminants(
        means, counts, sums, features.T @ features, width / (n - 1 + width)
    )
    inner = weight @ means.T
    norms = inner.diagonal()
    squared = norms[:, None] + norms[None] - inner - inner.T
    return weight, bias, squared.clamp(min=1e-12).sqrt()


def _valley(place: Tensor, is_a: Tensor) -> float:
    if min(int(is_a.sum()), int((~is_a).sum())) < 2:
        return 1.0
    high, low = place[is_a].median(), place[~is_a].median()
    distance = high - low
    if distance <= 0:
        return 1.0
    steps = torch.linspace(0, 1, GRID, dtype=place.dtype, device=place.device)
    offsets = (place - low) / distance - steps.unsqueeze(1)
    density = torch.exp(-0.5 * (offsets / KERNEL).square()).sum(dim=1)
    hills = torch.minimum(density[:3].max(), density[-3:].max())
    return float((density[2:-2].min() / hills).clamp(max=1.0))
