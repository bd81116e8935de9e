"""Label spreading against dense matrices."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmlatte.fits import (
    NeighbourGraph,
    neighbour_graph,
    spread_labels,
    sum_along_edges,
)


def dense_graph(x, k):
    """S with a full matrix, node by node."""
    cosines = x @ x.T
    n = len(x)
    a = np.zeros((n, n))
    for i in range(n):
        others = sorted(
            (j for j in range(n) if j != i), key=lambda j: -cosines[i, j]
        )
        for j in others[:k]:
            a[i, j] = (cosines[i, j] + 1) / 2
    w = (a + a.T) / 2
    degree = w.sum(axis=1)
    return w / np.sqrt(np.outer(degree, degree))


@pytest.mark.parametrize('k', [1, 7, 20])
def test_spreading_equals_dense_matrices(k):
    draw = torch.Generator().manual_seed(0)
    x = F.normalize(torch.randn(60, 8, generator=draw), dim=1)
    seeds = torch.zeros(60, 3)
    seeds[torch.arange(9), torch.arange(9) % 3] = 1
    alpha, steps = 0.9, 60
    s = dense_graph(x.double().numpy(), k)
    expected = seeds.numpy()
    for _ in range(steps):
        expected = alpha * s @ expected + (1 - alpha) * seeds.numpy()
    found = spread_labels(NeighbourGraph(x, k), seeds, alpha, steps)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_spreading_in_parts_is_the_same(monkeypatch):
    x = F.normalize(torch.randn(50, 8), dim=1)
    graph, seeds = NeighbourGraph(x, 5), torch.rand(50, 7)
    whole = spread_labels(graph, seeds, 0.9, 20)
    monkeypatch.setattr(neighbour_graph, 'COLUMNS', 3)
    assert torch.equal(spread_labels(graph, seeds, 0.9, 20), whole)


def test_edges_in_parts_carry_what_the_matrix_does(monkeypatch):
    x = F.normalize(torch.randn(50, 8), dim=1)
    graph, values = NeighbourGraph(x, 5), torch.rand(50, 3)
    edges = (graph.source, graph.target, graph.weight)
    whole = sum_along_edges(*edges, values)
    torch.testing.assert_close(graph @ values, whole)
    monkeypatch.setattr(neighbour_graph, 'CARRIED', 20)  # six edges
    assert torch.equal(sum_along_edges(*edges, values), whole)
