"""Valleys between clusters against NumPy, and clusters that are joined."""

import numpy as np
import pytest
import torch

from mmlatte.fits import LattePlusOptions
from mmlatte.fits.valleys import join_clusters, valleys

OPTIONS = LattePlusOptions()


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
    found = {(a, b): depth for depth, a, b in valleys(x, labels, OPTIONS)}
    assert set(found) == {(0, 1), (0, 2), (1, 2)}
    for (a, b), depth in found.items():
        assert depth == pytest.approx(plain_valley(x, labels, a, b), abs=1e-9)


def test_the_farther_the_deeper():
    depths = [
        valleys(*draw(0.0, place), OPTIONS)[0][0]
        for place in (2.0, 3.0, 4.0, 6.0)
    ]
    assert depths == sorted(depths, reverse=True)
    assert depths[0] > 0.8 and depths[3] < 0.2


def test_halves_of_one_cluster_are_joined():
    x, labels = draw(0.0, 8.0)
    half = torch.where(labels == 0, (x[:, 1] > 0).long(), 3)  # no 2
    joined = join_clusters(x, half, OPTIONS)
    assert len(joined[:150].unique()) == 1 and (joined[150:] == 3).all()
    whole = join_clusters(x, labels * 3, OPTIONS)
    assert torch.equal(whole, labels * 3)


def test_three_parts_become_one():
    x, _ = draw(0.0, count=400)
    parts = torch.bucketize(
        x[:, 0].contiguous(), torch.tensor([-0.6, 0.6]).double()
    )
    assert len(join_clusters(x, parts, OPTIONS).unique()) == 1


def test_one_cluster_has_no_valley():
    x, labels = draw(0.0)
    assert valleys(x, labels, OPTIONS) == []
    assert torch.equal(join_clusters(x, labels, OPTIONS), labels)
