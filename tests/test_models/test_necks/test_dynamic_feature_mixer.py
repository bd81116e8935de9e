import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from mmlatte.models.necks import (
    DynamicFeatureMixer,
    mix_texts,
    text_margins,
)


def test_margins_by_hand():
    prototypes = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    texts = torch.tensor([[0.6, 0.8], [1.0, 0.0]])
    # (0.8 - 0.6) and (1 - 0)
    torch.testing.assert_close(
        text_margins(texts, prototypes, eps=0.5), torch.tensor([0.7, 1.5])
    )


def test_mix_is_per_sample():
    """The reference code scales feature columns by sample weights."""
    texts = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [0.0, 4.0]]])
    weights = torch.tensor([[3.0, 1.0], [1.0, 1.0]])
    torch.testing.assert_close(
        mix_texts(texts, weights), torch.tensor([[0.75, 0.25], [1.0, 2.0]])
    )


@given(
    seed=st.integers(0, 10_000),
    batch=st.integers(1, 5),
    kinds=st.integers(1, 3),
    classes=st.integers(1, 6),
)
def test_mix_is_a_convex_combination(seed, batch, kinds, classes):
    generator = torch.Generator().manual_seed(seed)
    texts = F.normalize(torch.randn(7, 4, generator=generator), dim=1)
    prototypes = F.normalize(
        torch.randn(classes, 4, generator=generator), dim=1
    )
    index = torch.randint(7, (batch, kinds), generator=generator)
    mixed, shares = DynamicFeatureMixer()(texts, index, prototypes)
    assert (shares > 0).all()
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(batch))
    expected = torch.stack(
        [
            sum(shares[i, k] * texts[index[i, k]] for k in range(kinds))
            for i in range(batch)
        ]
    )
    torch.testing.assert_close(mixed, expected)


def test_weights_carry_no_gradient():
    texts = F.normalize(torch.randn(2, 4), dim=1).requires_grad_()
    prototypes = F.normalize(torch.randn(3, 4), dim=1)
    index = torch.tensor([[0, 1]])
    mixed, shares = DynamicFeatureMixer()(texts, index, prototypes)
    assert not shares.requires_grad
    mixed.sum().backward()
    torch.testing.assert_close(texts.grad, shares.T.expand(2, 4))


def test_unknown_weighting_is_refused():
    with pytest.raises(ValueError, match="'margin' or 'uniform'"):
        DynamicFeatureMixer(weighting='softmax')


def test_gradients_have_the_same_bits_with_several_threads():
    """Eight texts of 96 places: more than one thread adds to each."""
    generator = torch.Generator().manual_seed(0)
    texts = torch.randn(8, 384, generator=generator)
    index = torch.randint(8, (32, 3), generator=generator)
    weight = torch.randn(32, 384, generator=generator)
    mixer, seen = DynamicFeatureMixer(), set()
    before = torch.get_num_threads()
    torch.set_num_threads(max(before, 4))
    try:
        for _ in range(50):
            leaf = texts.clone().requires_grad_()
            mixed, _ = mixer(leaf, index, torch.eye(3, 384))
            (mixed * weight).sum().backward()
            seen.add(leaf.grad.numpy().tobytes())
    finally:
        torch.set_num_threads(before)
    assert len(seen) == 1
