"""Which class name every cluster of images speaks for, and how surely."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor

__all__ = ['image_names', 'label_purity', 'match_names', 'name_evidence']

#: Voice, and share of the images, that count for nothing: their logarithm
#: bounds what one source alone can say against a name.
SILENCE, NOBODY = 1e-3, 0.02
#: A cluster is sure of its name if it is ahead of the next one by this.
SURE = 2.0
#: A name that another cluster bears needs this much more evidence.
TAKEN = 3.0


def name_evidence(
    clusters: Tensor,
    voices: Tensor,
    labels: Sequence[Tensor],
    weight: float = 1.0,
) -> Tensor:
    r"""Pool what speaks for a name in the images of a cluster.

    .. math::
        e_{kc} = \log\Big(\sum_{i \in k} l_{ic} + 10^{-3}\Big)
            + \frac{w}{J} \sum_j \log\Big(
                \frac{|\{i \in k : y^j_i = c\}|}{|k|} + 0.02\Big)

    The two kinds of evidence err in opposite ways. In the voices l all names
    are equally loud, so that a name that zero-shot CLIP hardly ever gives can
    win its cluster, and so can one that no image shows. In the shares of the
    labels a name is as loud as CLIP likes it, whether it fits or not. Their
    product asks for both.

    Args:
        clusters (Tensor): int64 (n,), from 0 to C - 1.
        voices (Tensor): l, how much every image hears of every class, (n, C);
            columns sum to 1.
        labels (Sequence[Tensor]): J labels y of every image by zero-shot
            CLIP, int64 (n,) each.
        weight (float): w, of the labels. Defaults to 1.

    Returns:
        Tensor: e, (C, C), a row for every cluster.

    Examples:
        Name 0 is louder in cluster 0, but zero-shot CLIP calls its images 1:

        >>> import torch
        >>> clusters = torch.tensor([0, 0, 0, 0, 1, 1])
        >>> voices = torch.tensor([[0.2, 0.15]] * 4 + [[0.1, 0.2]] * 2)
        >>> labels = torch.tensor([1, 1, 1, 1, 1, 0])
        >>> name_evidence(clusters, voices, [labels]).argmax(dim=1).tolist()
        [1, 1]
        >>> name_evidence(clusters, voices, [labels], 0).argmax(dim=1).tolist()
        [0, 1]
    """
    count = voices.shape[1]
    member = F.one_hot(clusters, count).to(voices).T
    size = member.sum(dim=1, keepdim=True).clamp(min=1)
    evidence = (member @ voices + SILENCE).log()
    for named in labels:
        share = member @ F.one_hot(named, count).to(voices) / size
        evidence += weight / len(labels) * (share + NOBODY).log()
    return evidence


def match_names(evidence: Tensor, clusters: Tensor) -> Tensor:
    r"""Name clusters, and rather by different names than by one twice.

    .. math::
        \arg\max_y \sum_k e_{k y_k} + 3\,|\{y_k\}|

    Solved exactly, as an assignment: either a cluster is the first to bear a
    name, or it bears the one for which it has most evidence.

    Args:
        evidence (Tensor): e, see `name_evidence`, (C, C).
        clusters (Tensor): int64 (n,); those without images claim no name.

    Returns:
        Tensor: y, the name of every cluster, int64 (C,).

    Examples:
        Both clusters are called 0, the second one less surely:

        >>> import torch
        >>> evidence = torch.tensor([[5.0, 0.0], [2.0, 1.0]])
        >>> match_names(evidence, torch.tensor([0, 0, 1])).tolist()
        [0, 1]
        >>> match_names(evidence - 9 * torch.eye(2)[1], torch.tensor([0, 1]))
        tensor([0, 0])
    """
    names = evidence.argmax(dim=1)
    live = clusters.unique()
    rows = evidence[live]
    again = rows.new_full((len(live), len(live)), -torch.inf)
    again.diagonal().copy_(rows.amax(dim=1))
    gain = torch.cat([rows + TAKEN, again], dim=1)
    column = linear_sum_assignment(gain.cpu().numpy(), maximize=True)[1]
    first = torch.from_numpy(column).to(names)
    names[live] = torch.where(first < evidence.shape[1], first, names[live])
    return names


def image_names(
    evidence: Tensor, clusters: Tensor, posteriors: Tensor, weight: float = 1.0
) -> Tensor:
    r"""Name images: by their cluster if it is sure, else each for itself.

    .. math::
        y_i = \arg\max_c\, e_{k_i c}
            + w\, [\text{margin}_{k_i} < 2] \log(p_{ic} + 0.02)

    A wrong name costs all images of a cluster. Where the next name has a
    seventh of the evidence for the best one, or more, zero-shot CLIP has a
    say in every image.

    Args:
        evidence (Tensor): See `name_evidence`, (C, C) with C of at least 2.
        clusters (Tensor): k, int64 (n,).
        posteriors (Tensor): p, of zero-shot CLIP, (n, C).
        weight (float): w; 0 names clusters as a whole. Defaults to 1.

    Returns:
        Tensor: y, int64 (n,).

    Examples:
        Cluster 0 is sure, cluster 1 is not:

        >>> import torch
        >>> evidence = torch.tensor([[5.0, 0.0], [0.0, 1.0]])
        >>> posteriors = torch.tensor([[0.9, 0.1], [0.1, 0.9]]).repeat(2, 1)
        >>> clusters = torch.tensor([0, 0, 1, 1])
        >>> image_names(evidence, clusters, posteriors).tolist()
        [0, 0, 0, 1]
        >>> image_names(evidence, clusters, posteriors, 0).tolist()
        [0, 0, 1, 1]
    """
    best, second = evidence.topk(2, dim=1).values.unbind(dim=1)
    unsure = weight * (best - second < SURE).to(evidence)
    own = (posteriors + NOBODY).log().to(evidence)
    return (evidence[clusters] + unsure[clusters, None] * own).argmax(dim=1)


def label_purity(clusters: Tensor, labels: Tensor) -> float:
    """Return how many images have the label that is first in their cluster.

    The purity of a clustering, with labels by CLIP in place of true ones.

    Args:
        clusters (Tensor): int64 (n,), not empty.
        labels (Tensor): int64 (n,).

    Returns:
        float: A share, in (0, 1].

    Examples:
        >>> import torch
        >>> clusters = torch.tensor([0, 0, 0, 1])
        >>> label_purity(clusters, torch.tensor([2, 2, 1, 2]))
        0.75
    """
    width = int(labels.max()) + 1
    size = (int(clusters.max()) + 1) * width
    pairs = (clusters * width + labels).bincount(minlength=size)
    return float(pairs.view(-1, width).amax(dim=1).sum()) / len(labels)
