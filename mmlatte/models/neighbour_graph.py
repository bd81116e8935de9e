"""A graph that connects every feature with its nearest others."""

import torch
from torch import Tensor

#: Rows of similarities at a time, and edges at a time.
ROWS, EDGES = 1024, 1 << 20


class NeighbourGraph:
    r"""Symmetric graph of the k nearest neighbours, normalised by degree.

    .. math::
        a_{ij} = (\cos(x_i, x_j) + 1) / 2 \text{ for the k nearest j, else } 0,
        \quad W = (A + A^\top) / 2, \quad S = D^{-1/2} W D^{-1/2}

    Args:
        features (Tensor): Unit features x, (n, D).
        neighbours (int): k; fewer where there are fewer nodes.

    Examples:
        >>> x = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> graph = NeighbourGraph(x, neighbours=1)
        >>> graph.spread(torch.eye(4))[0].tolist()
        [0.0, 1.0, 0.0, 0.0]
    """

    def __init__(self, features: Tensor, neighbours: int) -> None:
        n, device = len(features), features.device
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
        weight = torch.cat(values).flatten().repeat(2) / 2
        degree = weight.new_zeros(n).index_add_(0, self.source, weight)
        scale = degree.clamp(min=1e-12).rsqrt()
        weight = weight * scale[self.source] * scale[self.target]
        self.weight = weight.unsqueeze(1)

    def spread(self, values: Tensor) -> Tensor:
        """Return S times values, (n, C)."""
        moved = torch.zeros_like(values)
        # In parts, as an edge costs C numbers.
        for start in range(0, len(self.source), EDGES):
            part = slice(start, start + EDGES)
            moved.index_add_(
                0,
                self.source[part],
                self.weight[part] * values[self.target[part]],
            )
        return moved
