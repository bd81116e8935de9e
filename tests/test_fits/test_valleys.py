"""Valleys between clusters against NumPy, and clusters that are joined."""

import numpy as np
import pytest
import torch

from mmlatte.fits.valleys import join_clusters, valleys


def draw(*places, count=150, width=5, seed=0):
    """So many points around every place on the first axis."""
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(
        len(places) * count, width, generator=random, dtype=torch.float64
    )
    x[:, 0] += torch.tensor(places).repeat_interleave(count)
    return x, torch.arange(len(places)).repeat_interleave(count)


def plain_valley(x, labels, a, b):
    """The docstring in NumPy, for images that directions were fitted to."""
    x, labels = x.numpy(), labels.numpy()
    n, width = x.shape
    means = np.stack([x[labels == c].mean(axis=0) for c in np.unique(labels)])
    residual = x - means[labels]
    covariance = residual.T @ residual / n
    s = width / (n - 1 + width)
    shrunk = (1 - s) * covariance
    shrunk += s * np.trace(covariance) / width * np.eye(width)
    direction = np.linalg.solve(shrunk, means[a] - means[b])
    pa, pb = x[labels == a] @ direction, x[labels == b] @ direction
    # The lower of the two middle ones, as torch has it.
    high, low = (np.sort(p)[(len(p) - 1) // 2] for p in (pa, pb))
    both = np.concatenate([pa, pb])
    density = [
        np.exp(-((both - place) ** 2) / 2 / (0.15 * (high - low)) ** 2).sum()
        for place in np.linspace(low, high, 9)
    ]
    hills = min(max(density[:3]), max(density[6:]))
    return min(1.0, min(density[2:7]) / hills)


def test_equals_numpy():
    x, labels = draw(0.0, 3.0, 5.0)
    found = {(a, b): depth for depth, a, b in valleys(x, labels)}
    assert set(found) == {(0, 1), (0, 2), (1, 2)}
    for (a, b), depth in found.items():
        assert depth == pytest.approx(plain_valley(x, labels, a, b), abs=1e-9)


def test_the_order_of_images_hides_no_cluster():
    """Images of a cluster may all be, say, every fifth."""
    x, labels = draw(0.0, 9.0, 18.0, 27.0, 36.0)
    mixed = torch.arange(len(x)).reshape(5, -1).T.flatten()
    depths = [valley[0] for valley in valleys(x[mixed], labels[mixed], 5)]
    assert max(depths) < 0.3


def test_the_farther_the_deeper():
    depths = [
        valleys(*draw(0.0, place), folds)[0][0]
        for folds in (1, 5)
        for place in (2.0, 3.0, 4.0, 6.0)
    ]
    assert depths[:4] == sorted(depths[:4], reverse=True)
    assert depths[4:] == sorted(depths[4:], reverse=True)
    assert depths[3] < 0.2 and depths[7] < 0.2
    assert depths[0] > 0.8 and depths[4] > 0.8


def test_few_images_in_many_dimensions():
    """Halves of one cluster look separate where they were fitted only."""
    x, _ = draw(0.0, count=80, width=60)
    half = (x @ torch.ones(60, dtype=torch.float64) > 0).long()
    assert valleys(x, half)[0][0] < 0.8 < valleys(x, half, 5)[0][0]


def test_halves_are_joined_under_the_better_name():
    x, labels = draw(0.0, 8.0)
    half = torch.where(labels == 0, (x[:, 1] > 0).long(), 3)  # no 2
    evidence = torch.zeros(300, 4)
    evidence[:150, 1], evidence[:150, 0] = 0.6, 0.4
    into = join_clusters(x, half, evidence, 0.65)
    assert into.tolist() == [1, 1, 2, 3]
    swapped = join_clusters(x, half, evidence[:, [1, 0, 2, 3]], 0.65)
    assert swapped.tolist() == [0, 0, 2, 3]
    assert join_clusters(x, labels * 3, evidence, 0.65).tolist() == [
        0,
        1,
        2,
        3,
    ]


def test_three_parts_become_one():
    x, _ = draw(0.0, count=400)
    parts = torch.bucketize(
        x[:, 0].contiguous(), torch.tensor([-0.6, 0.6]).double()
    )
    evidence = torch.tensor([[0.0, 0.0, 1.0]]).expand(400, 3)
    assert join_clusters(x, parts, evidence, 0.65).tolist() == [2, 2, 2]


def test_one_cluster_has_no_valley():
    x, labels = draw(0.0)
    assert valleys(x, labels) == []
    assert join_clusters(x, labels, torch.ones(150, 2), 0.5).tolist() == [0, 1]
