"""The evidence for names against a loop, and what it decides."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlatte.fits.names import (
    image_names,
    label_purity,
    match_names,
    name_evidence,
)

#: Images, classes, a weight, a seed.
CASES = given(
    st.integers(1, 30),
    st.integers(2, 5),
    st.floats(0, 2),
    st.integers(0, 10**6),
)


@settings(max_examples=25, deadline=None)
@CASES
def test_evidence_equals_a_loop(n, classes, weight, seed):
    draw = torch.Generator().manual_seed(seed)
    clusters, first, second = torch.randint(
        classes, (3, n), generator=draw
    ).unbind()
    voices = torch.rand(n, classes, generator=draw, dtype=torch.float64)
    found = name_evidence(clusters, voices, [first, second], weight)
    for k in range(classes):
        inside = [i for i in range(n) if clusters[i] == k]
        for c in range(classes):
            expected = math.log(
                sum(float(voices[i, c]) for i in inside) + 1e-3
            )
            for labels in (first, second):
                named = sum(int(labels[i] == c) for i in inside)
                share = named / max(len(inside), 1)
                expected += weight / 2 * math.log(share + 0.02)
            assert found[k, c] == pytest.approx(expected)


def test_neither_source_alone_names_a_cluster():
    clusters = torch.zeros(10, dtype=torch.long)
    # Name 0 alone is loud; all labels are 1, which is silent; 2 has some of
    # both.
    voices = torch.tensor([[0.1, 0.0, 0.05]]).expand(10, 3)
    labels = torch.tensor([1, 1, 1, 1, 1, 1, 2, 2, 2, 2])
    evidence = name_evidence(clusters, voices, [labels])
    assert evidence[0].argmax() == 2
    assert evidence.shape == (3, 3)


@settings(max_examples=25, deadline=None)
@CASES
def test_names_equal_a_loop(n, classes, weight, seed):
    draw = torch.Generator().manual_seed(seed)
    evidence = 3 * torch.randn(classes, classes, generator=draw).double()
    clusters = torch.randint(classes, (n,), generator=draw)
    posteriors = torch.randn(n, classes, generator=draw).softmax(dim=1)
    found = image_names(evidence, clusters, posteriors, weight)
    for i in range(n):
        row = evidence[clusters[i]].tolist()
        first, second = sorted(row, reverse=True)[:2]
        if first - second < 2:
            row = [
                e + weight * math.log(float(p) + 0.02)
                for e, p in zip(row, posteriors[i], strict=True)
            ]
        assert row[found[i]] == pytest.approx(max(row))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.integers(2, 4), st.integers(0, 10**6))
def test_no_other_names_match_better(n, classes, seed):
    draw = torch.Generator().manual_seed(seed)
    evidence = 5 * torch.randn(classes, classes, generator=draw).double()
    clusters = torch.randint(classes, (n,), generator=draw)
    live = clusters.unique().tolist()

    def worth(names):
        own = zip(live, names, strict=True)
        return sum(float(evidence[k, c]) for k, c in own) + 3 * len(set(names))

    found = match_names(evidence, clusters)
    every = itertools.product(range(classes), repeat=len(live))
    best = max(worth(names) for names in every)
    assert worth(found[live].tolist()) == pytest.approx(best)
    empty = [k for k in range(classes) if k not in live]
    assert torch.equal(found[empty], evidence.argmax(dim=1)[empty])


@pytest.mark.parametrize(
    'labels, purity',
    [([0, 0, 0, 1, 1], 1), ([3, 3, 1, 2, 0], 3 / 5), ([1, 1, 1, 1, 1], 1)],
)
def test_purity_counts_the_first_label_of_every_cluster(labels, purity):
    clusters = torch.tensor([2, 2, 2, 5, 5])
    assert label_purity(clusters, torch.tensor(labels)) == purity
