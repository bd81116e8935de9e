"""A graph that connects every feature with its nearest others."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from .add_rows import add_rows
from .frozen_features import FrozenFeatures

__all__ = [
    'NeighbourGraph',
    'nearest_images',
    'spread_labels',
    'sum_along_edges',
]

#: Rows of similarities at a time, and numbers that edges carry at a time.
ROWS, CARRIED = 1024, 1 << 24
#: Labels that are spread at a time: of 20,000 nodes they fit into a cache.
COLUMNS = 32


class NeighbourGraph:
    r"""Symmetric graph of the k nearest neighbours, normalised by degree.

    .. math::
        a_{ij} = ((\cos(x_i, x_j) + 1) / 2)^p
        \text{ for the k nearest j, else } 0, \quad
        W = (A + A^\top) / 2, \quad S = D^{-1/2} W D^{-1/2}

    ``graph @ values`` is S times values, (n, C). Finding the neighbours
    takes n^2 D steps, in memory for `ROWS` of n similarities.

    Args:
        features (Tensor): Unit features x, (n, D).
        neighbours (int): k; fewer where there are fewer nodes.
        sharpness (float): p; nearer neighbours weigh more. Defaults to 1.

    Examples:
        >>> x = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> graph = NeighbourGraph(x, neighbours=1)
        >>> (graph @ torch.eye(4))[0].tolist()
        [0.0, 1.0, 0.0, 0.0]
    """

    def __init__(
        self, features: Tensor, neighbours: int, sharpness: float = 1.0
    ) -> None:
        self.nodes = n = len(features)
        device = features.device
        k = min(neighbours, n - 1)
        values, indices = [], []
        for start in range(0, n, ROWS):
            affinity = (features[start : start + ROWS] @ features.T + 1) / 2
            own = torch.arange(len(affinity), device=device)
            affinity[own, start + own] = -1  # not oneself
            top = affinity.topk(k, dim=1)
            values.append(top.values)
            indices.append(top.indices)
        row = torch.arange(n, device=device).repeat_interleave(k)
        column = torch.cat(indices).flatten()
        self.source = torch.cat([row, column])
        self.target = torch.cat([column, row])
        nearest = torch.cat(values)
        if sharpness != 1:
            nearest = nearest.clamp(min=0) ** sharpness
        weight = nearest.flatten().repeat(2) / 2
        degree = weight.new_zeros(n)
        add_rows(degree, self.source, weight)
        scale = degree.clamp(min=1e-12).rsqrt()
        weight = weight * scale[self.source] * scale[self.target]
        self.weight = weight.unsqueeze(1)

    @cached_property
    def matrix(self) -> sparse.csr_matrix:
        """scipy.sparse.csr_matrix: S, (n, n), on the host."""
        edges = (self.source.cpu().numpy(), self.target.cpu().numpy())
        weight = self.weight.squeeze(1).cpu().numpy()
        return sparse.csr_matrix((weight, edges), (self.nodes,) * 2)

    def __matmul__(self, values: Tensor) -> Tensor:
        if values.device.type == 'cpu':
            return torch.from_numpy(self.matrix @ values.numpy())
        return sum_along_edges(self.source, self.target, self.weight, values)


def spread_labels(
    graph: NeighbourGraph, seeds: Tensor, alpha: float, steps: int
) -> Tensor:
    r"""Spread labels along a graph (Zhou et al., NIPS 2003).

    .. math:: F_0 = Y, \quad F_{t+1} = \alpha S F_t + (1 - \alpha) Y

    Args:
        graph (NeighbourGraph): S, of n nodes.
        seeds (Tensor): Y, the labels that are known, (n, C).
        alpha (float): In (0, 1), how much comes from neighbours.
        steps (int): The limit is missed by alpha to the power of it.

    Returns:
        Tensor: F, how much of every label reaches a node, (n, C).
    """
    parts = []
    for own in seeds.split(COLUMNS, dim=1):
        part, own = own.contiguous(), (1 - alpha) * own
        for _ in range(steps):
            part = (graph @ part).mul_(alpha).add_(own)
        parts.append(part)
    return torch.cat(parts, dim=1)


def sum_along_edges(
    source: Tensor, target: Tensor, weight: Tensor, values: Tensor
) -> Tensor:
    """Sum what edges carry to their sources, in a fixed order.

    Args:
        source (Tensor): Node that every edge leads to, (E,).
        target (Tensor): Node that it comes from, (E,).
        weight (Tensor): (E, 1).
        values (Tensor): Of the nodes, (n, C).

    Returns:
        Tensor: (n, C).
    """
    moved = torch.zeros_like(values)
    step = max(1, CARRIED // values.shape[1])
    for start in range(0, len(source), step):
        part = slice(start, start + step)
        add_rows(moved, source[part], weight[part] * values[target[part]])
    return moved


def nearest_images(
    frozen: FrozenFeatures, rows: Sequence[int], count: int
) -> np.ndarray:
    """Return the images with the largest cosines, int64 (Q, count).

    Fewer columns where there are fewer other images. Memory grows with Q and
    the size of a chunk, not with N.
    """
    asked = frozen.rows(list(rows))
    best = np.full((len(asked), 0), -np.inf, np.float32)
    which = np.zeros((len(asked), 0), np.int64)
    for part, features in frozen.chunks():
        cosines = (asked @ features.T).cpu().numpy()
        for i, row in enumerate(rows):
            if part.start <= row < part.stop:
                cosines[i, row - part.start] = -np.inf
        numbers = np.broadcast_to(
            np.arange(part.start, part.stop), cosines.shape
        )
        best = np.concatenate([best, cosines], axis=1)
        which = np.concatenate([which, numbers], axis=1)
        order = np.argsort(-best, axis=1, kind='stable')[:, :count]
        best = np.take_along_axis(best, order, 1)
        which = np.take_along_axis(which, order, 1)
    return which[:, : min(count, len(frozen) - 1)]
