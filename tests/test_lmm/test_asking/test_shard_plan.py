import numpy as np
import pytest

from mmlatte.lmm import ShardPlan

KEYS = np.arange(1000)


def test_shards_divide_what_the_first_one_found_missing(tmp_path):
    missing = np.arange(0, 1000, 2)
    found = []
    for shard in (2, 0, 1):
        plan = ShardPlan(tmp_path, KEYS, 3)
        # Later shards see less missing: the plan does not change.
        left = missing[len(np.concatenate([[], *found])) :]
        found.append(plan.share(shard, lambda left=left: left))
    assert sorted(np.concatenate(found)) == missing.tolist()
    sizes = [len(share) for share in found]
    assert max(sizes) - min(sizes) <= 1


def test_other_texts_or_numbers_of_shards_make_another_plan(tmp_path):
    plan = ShardPlan(tmp_path, KEYS, 2)
    plan.share(0, lambda: np.arange(10))
    for other in (
        ShardPlan(tmp_path, KEYS + 1, 2),
        ShardPlan(tmp_path, KEYS, 3),
    ):
        assert other.share(0, lambda: np.array([5])).tolist() == [5]
    plan.finish()
    assert plan.share(1, lambda: np.array([7, 8])).tolist() == [8]
    plan.finish()
    plan.finish()
    assert len(list(tmp_path.iterdir())) == 2


def test_shards_that_do_not_exist(tmp_path):
    for shard in (-1, 2):
        with pytest.raises(ValueError, match='from 0 to 1'):
            ShardPlan(tmp_path, KEYS, 2).share(shard, lambda: KEYS)
