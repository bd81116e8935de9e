import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.dataset import DefaultSampler, InfiniteSampler

from mmlatte.datasets import GlobalBatchSampler


def batches_of(rank, world_size, samples, batch_size, drop_last, epoch=0):
    sampler = DefaultSampler(range(samples), shuffle=True, seed=3)
    batch_sampler = GlobalBatchSampler(sampler, batch_size)
    batch_sampler.drop_last = drop_last
    batch_sampler.rank, batch_sampler.world_size = rank, world_size
    sampler.rank, sampler.world_size = rank, world_size  # as if launched
    sampler.set_epoch(epoch)
    return batch_sampler


@given(
    samples=st.integers(1, 60),
    batch_size=st.integers(1, 5),
    world_size=st.integers(1, 5),
    drop_last=st.booleans(),
    epoch=st.integers(0, 3),
)
def test_ranks_share_the_batches_of_one_process(
    samples, batch_size, world_size, drop_last, epoch
):
    ranks = [
        batches_of(rank, world_size, samples, batch_size, drop_last, epoch)
        for rank in range(world_size)
    ]
    parts = [list(rank) for rank in ranks]
    one = list(
        batches_of(0, 1, samples, batch_size * world_size, drop_last, epoch)
    )
    # All ranks make the same number of steps, as announced.
    assert {len(part) for part in parts} == {len(one)}
    assert {len(rank) for rank in ranks} == {len(one)}
    generator = torch.Generator().manual_seed(3 + epoch)
    order = torch.randperm(samples, generator=generator).tolist()
    flat = [index for batch in one for index in batch]
    assert flat == order[: len(flat)]
    if not drop_last:
        assert sorted(flat) == list(range(samples))
    for k, batch in enumerate(one):
        for rank, part in enumerate(parts):
            expected = [
                x for i, x in enumerate(batch) if i % world_size == rank
            ]
            assert part[k] == (expected or batch[:1])


@given(st.integers(0, 9))
def test_skipping_leaves_the_rest_as_it_is(count):
    whole = list(batches_of(1, 2, 18, 1, False))
    sampler = batches_of(1, 2, 18, 1, False)
    sampler.skip_batches(count)
    assert list(sampler) == whole[count:]
    assert list(sampler) == whole  # the next epoch is whole again


def test_errors_name_the_fix():
    with pytest.raises(TypeError, match='DefaultSampler'):
        GlobalBatchSampler(InfiniteSampler(range(4)), 2)
    sampler = DefaultSampler(range(3), shuffle=False)
    with pytest.raises(ValueError, match='drop_last'):
        GlobalBatchSampler(sampler, 4, drop_last=True)
