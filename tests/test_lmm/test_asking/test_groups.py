import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlatte.lmm import GroupOptions
from mmlatte.lmm.asking.groups import ClassIndex, draw_members, nearest


@given(st.lists(st.integers(0, 5), max_size=60))
def test_class_index_equals_a_loop(labels):
    index = ClassIndex(np.array(labels, np.int64), 6)
    for label in range(6):
        expected = [i for i, own in enumerate(labels) if own == label]
        assert index.members(label).tolist() == expected


@settings(deadline=None)
@given(st.text(max_size=20), st.integers(0, 2**40), st.integers(1, 30))
def test_draws_follow_seed_and_anchor_alone(anchor, seed, count):
    candidates = np.arange(100, 100 + count)
    options = GroupOptions()
    drawn = draw_members(anchor, candidates, options, seed)
    again = draw_members(anchor, candidates.copy(), options, seed)
    assert drawn.tolist() == again.tolist()
    assert len(drawn) == 4 and set(drawn) <= set(candidates)
    if count >= 4:
        assert len(set(drawn)) == 4


def test_draws_are_fair_and_differ():
    candidates = np.arange(10)
    draws = [
        tuple(draw_members(f'{i}.jpg', candidates, GroupOptions(), 0))
        for i in range(5000)
    ]
    counts = np.bincount(np.concatenate(draws), minlength=10)
    # 2000 expected, standard deviation 35.
    assert abs(counts - 2000).max() < 180
    assert len(set(draws)) > 2000
    other = [
        tuple(draw_members(f'{i}.jpg', candidates, GroupOptions(), 1))
        for i in range(5000)
    ]
    assert other != draws


def test_nearest_equals_sorting_all_distances():
    generator = np.random.default_rng(0)
    features = generator.normal(size=(50, 8)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    candidates = np.arange(0, 50, 2)
    found = nearest(4, candidates, features, 7)
    distance = [np.linalg.norm(features[4] - features[c]) for c in candidates]
    expected = candidates[np.argsort(distance)][:7]
    assert found.tolist() == expected.tolist()
    assert found[0] == 4
