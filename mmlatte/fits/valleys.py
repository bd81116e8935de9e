"""Whether two clusters are two, or parts of one."""

import torch
from torch import Tensor

from .latteplus_options import LattePlusOptions
from .linear_discriminants import linear_discriminants

__all__ = ['join_clusters', 'valleys']


def join_clusters(
    features: Tensor, labels: Tensor, options: LattePlusOptions
) -> Tensor:
    """Join clusters as long as two of them show no valley in between.

    Args:
        features (Tensor): (n, D), double precision.
        labels (Tensor): int64 (n,), clusters, some of which may be empty.
        options (LattePlusOptions): Two clusters whose `valleys` are above
            ``valley`` are one.

    Returns:
        Tensor: int64 (n,), the joined clusters; a joined cluster keeps the
        number of its largest part.

    Examples:
        Two parts of one cluster, and another cluster:

        >>> draw = torch.Generator().manual_seed(0)
        >>> x = torch.randn(300, 4, generator=draw, dtype=torch.float64)
        >>> x[200:] += 9
        >>> part = (x[:, 0] > 0.2).long()
        >>> labels = torch.where(torch.arange(300) < 200, part, 2)
        >>> join_clusters(x, labels, LattePlusOptions()).unique().tolist()
        [0, 2]
    """
    labels = labels.clone()
    while True:
        found = [
            pair
            for pair in valleys(features, labels, options)
            if pair[0] > options.valley
        ]
        if not found:
            return labels
        sizes = labels.bincount()
        taken: set[int] = set()
        # The least distinct first; a cluster takes part once a round.
        for _, a, b in sorted(found, reverse=True):
            if a in taken or b in taken:
                continue
            taken |= {a, b}
            kept, gone = (a, b) if sizes[a] >= sizes[b] else (b, a)
            labels[labels == gone] = kept


def valleys(
    features: Tensor, labels: Tensor, options: LattePlusOptions
) -> list[tuple[float, int, int]]:
    r"""How deep the density falls between neighbouring clusters.

    Images of clusters a and b are projected on the direction that separates
    Gaussians of these means and of the covariance that all clusters share
    (shrunk by s = D / (n - 1 + D)). Their density is estimated at
    ``valley_points`` from the median of b to that of a, with a Gaussian
    kernel as wide as ``valley_kernel`` of the distance. The valley is its
    lowest point in the middle over the lower of the two hills, the highest
    of the 3 points at either end: 1 where there is none.

    Args:
        features (Tensor): (n, D), double precision.
        labels (Tensor): int64 (n,).
        options (LattePlusOptions): Its constants whose names start with
            ``valley_``.

    Returns:
        list[tuple[float, int, int]]: The valley, a and b, for every cluster
        and its nearest ones.
    """
    present = labels.unique()
    names, labels = present.tolist(), torch.searchsorted(present, labels)
    if len(names) < 2:
        return []
    scores, distance = _scores(features, labels, len(names))
    apart = distance.clone().fill_diagonal_(torch.inf)
    count = min(options.valley_neighbours, len(names) - 1)
    near = apart.topk(count, largest=False).indices
    pairs = {
        (min(a, b), max(a, b))
        for a, row in enumerate(near.tolist())
        for b in row
    }
    found = []
    for a, b in sorted(pairs):
        which = ((labels == a) | (labels == b)).nonzero().squeeze(1)
        place = (scores[which, a] - scores[which, b]) / distance[a, b]
        depth = _valley(place, labels[which] == a, options)
        found.append((depth, names[a], names[b]))
    return found


def _scores(
    features: Tensor, labels: Tensor, count: int
) -> tuple[Tensor, Tensor]:
    """Discriminants (n, K) and Mahalanobis distances (K, K) of clusters."""
    member = torch.nn.functional.one_hot(labels, count).to(features)
    counts = member.sum(dim=0)
    sums = member.T @ features
    means = sums / counts.unsqueeze(1)
    n, width = features.shape
    weight, bias = linear_discriminants(
        means, counts, sums, features.T @ features, width / (n - 1 + width)
    )
    inner = weight @ means.T
    norms = inner.diagonal()
    squared = norms[:, None] + norms[None] - inner - inner.T
    scores = features @ weight.T + bias
    return scores, squared.clamp(min=1e-12).sqrt()


def _valley(place: Tensor, is_a: Tensor, options: LattePlusOptions) -> float:
    if min(int(is_a.sum()), int((~is_a).sum())) < 2:
        return 1.0
    high, low = place[is_a].median(), place[~is_a].median()
    distance = high - low
    if distance <= 0:
        return 1.0
    steps = torch.linspace(0, 1, options.valley_points).to(place)
    offsets = (place - low) / distance - steps.unsqueeze(1)
    kernel = offsets / options.valley_kernel
    density = torch.exp(-0.5 * kernel.square()).sum(dim=1)
    hills = torch.minimum(density[:3].max(), density[-3:].max())
    return float((density[2:-2].min() / hills).clamp(max=1.0))
