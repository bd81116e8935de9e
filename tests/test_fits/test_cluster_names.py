import itertools
import math

import pytest
import torch

from mmlatte.fits.naming.cluster_names import (
    agreement,
    assign_names,
    name_posterior,
)


def test_name_posterior_by_hand():
    clusters = torch.tensor([0, 0, 1])
    spread = torch.tensor([[0.5, 0.1], [0.3, 0.1], [0.2, 0.8]]).double()
    labels = torch.tensor([0, 1, 1])
    found = name_posterior(clusters, spread, labels, 0.1)
    total = 1 + 2 * 0.1
    mass = [[0.8, 0.2], [0.2, 0.8]]
    share = [[0.5, 0.5], [0.0, 1.0]]
    for k, c in itertools.product(range(2), range(2)):
        value = (mass[k][c] + 0.1) * (share[k][c] + 0.1) / total**2
        assert float(found[k, c]) == pytest.approx(math.log(value))


def test_empty_clusters_have_no_evidence():
    spread = torch.tensor([[1.0, 0.0, 0.0]])
    found = name_posterior(torch.tensor([1]), spread, torch.tensor([0]), 0.1)
    assert torch.equal(found[0], found[0, :1].expand(3))
    assert found[1].argmax() == 0


@pytest.mark.parametrize('penalty', [0.0, 0.7, 3.0])
def test_assignment_is_the_best_of_all(penalty):
    draw = torch.Generator().manual_seed(0)
    for _ in range(20):
        posterior = torch.randn(4, 4, generator=draw)
        names = assign_names(posterior, torch.arange(4), penalty).tolist()

        def value(y, e=posterior):
            return float(
                sum(e[k, c] for k, c in enumerate(y))
            ) + penalty * len(set(y))

        best = max(map(value, itertools.product(range(4), repeat=4)))
        assert value(names) == pytest.approx(best)


def test_clusters_without_images_claim_no_name():
    posterior = torch.tensor([[5.0, 0.0], [4.0, 3.5]])
    names = assign_names(posterior, torch.tensor([1, 1]), 2.0)
    assert names[1] == 0


def test_agreement():
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    assert agreement(labels, labels, 3) == 1
    assert agreement(labels, (labels + 1) % 3, 3) == pytest.approx(-0.5)
    one = torch.zeros(4, dtype=torch.long)
    assert agreement(one, one, 2) == 0
