"""Texts about typical images; the others read their neighbours'."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlatte.lmm import (
    TextJob,
    check_budget,
    described_count,
    find_typical,
    missing_texts,
    synthesize,
)
from mmlatte.lmm.asking import budget as module
from mmlatte.lmm.asking.budget import typical_images


def unit(points):
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.fixture
def blobs():
    """Two classes of three tight blobs each; shuffled."""
    draw = np.random.default_rng(0)
    centres = np.eye(6, 8, dtype=np.float32)
    blob = draw.permutation(np.repeat(np.arange(6), 20))
    noise = draw.normal(0, 0.05, (120, 8)).astype(np.float32)
    return unit(centres[blob] + noise), blob


def test_one_image_of_every_cluster_the_nearest_to_its_centre(blobs):
    features, blob = blobs
    rows = typical_images(features, blob // 3, 6)
    expected = []
    for number in range(6):
        members = np.flatnonzero(blob == number)
        centre = features[members].mean(axis=0)
        away = np.square(features[members] - centre).sum(axis=1)
        expected.append(members[away.argmin()])
    assert rows.tolist() == sorted(expected)


def test_large_classes_are_cut_into_clusters_first(blobs, monkeypatch):
    features, blob = blobs
    monkeypatch.setattr(module, 'PIECE', 25)
    labels = blob // 3
    for count in (2, 3, 6, 30, 119, 120):
        rows = typical_images(features, labels, count)
        assert len(set(rows.tolist())) == count and (np.diff(rows) > 0).all()
        assert set(labels[rows]) == {0, 1}
    assert set(blob[typical_images(features, labels, 12)]) == set(range(6))


def test_equal_images_fill_the_budget():
    features = np.ones((9, 4), np.float32) / 2
    labels = np.zeros(9, int)
    assert len(set(typical_images(features, labels, 5).tolist())) == 5


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.data())
def test_quotas(sizes, data):
    sizes = np.array(sizes)
    count = data.draw(st.integers(len(sizes), sizes.sum()))
    quotas = module._quotas(sizes, count)
    assert quotas.sum() == count
    assert (quotas >= 1).all() and (quotas <= sizes).all()
    # By size: a larger one never gets less.
    assert (np.diff(quotas[np.argsort(sizes, kind='stable')]) >= -1).all()


def test_neighbours_as_a_loop_finds_them(blobs, tmp_path, monkeypatch):
    features, _ = blobs
    labels = np.random.default_rng(1).integers(0, 3, 120)
    monkeypatch.setattr(module, 'BLOCK', 64)
    found = find_typical(features, labels, 10, tmp_path, 'x')
    assert len(found.rows) == 10
    for i in range(120):
        scores = features[found.rows] @ features[i]
        same = labels[found.rows] == labels[i]
        if i in found.rows:
            assert found.nearest[i] == found.nearest_of_class[i] == i
            continue
        assert found.nearest[i] == found.rows[scores.argmax()]
        best = np.where(same, scores, -2).argmax()
        assert found.nearest_of_class[i] == found.rows[best]


def test_the_choice_is_made_once(blobs, tmp_path):
    features, blob = blobs
    first = find_typical(features, blob // 3, 8, tmp_path, 'x')
    # Another machine rounds another way; it reads what was chosen.
    again = find_typical(features[::-1], blob // 3, 8, tmp_path, 'x')
    assert again.rows.tolist() == first.rows.tolist()
    other = find_typical(features[::-1], blob // 3, 8, tmp_path, 'y')
    assert other.rows.tolist() != first.rows.tolist()


def test_wrong_budgets(blobs):
    for wrong in (0, -1, 1.5, 0.0, True, 'some', None, float('nan')):
        with pytest.raises(ValueError, match=r'text_synth\.budget'):
            check_budget(wrong)
    for right in ('all', 1, 500, 1.0, 0.05):
        check_budget(right)
    assert [described_count(b, 40) for b in ('all', 1.0, 0.01, 7)] == [
        *(40, 40),
        *(1, 7),
    ]
    for percent in range(1, 101):
        assert described_count(percent / 100, 100) == percent
    features, blob = blobs
    with pytest.raises(ValueError, match='1 images are fewer than the 2'):
        typical_images(features, blob // 3, 1)


def test_only_typical_images_are_asked_about_and_all_have_texts(
    blobs, tmp_path, want, store, rule_lmm
):
    features, blob = blobs
    labels = blob // 3
    described = find_typical(features, labels, 8, tmp_path, 'x')
    wanted = want(120, labels=labels, described=described)
    lmm = rule_lmm(lambda r, seed: f'{r.kind} text of {r.sample_id}')
    numbers, counts = missing_texts(wanted, store)
    assert len(numbers) == len(wanted) == 16
    counts.add(synthesize(wanted, numbers, lmm, store).as_dict())
    ids = {f'{row}.jpg' for row in described.rows}
    assert {name for _, name in lmm.asked} == ids
    assert {record.sample_id for record in store.records()} == ids
    # Nothing is missing any more; without a budget, the others are.
    assert not len(missing_texts(wanted, store)[0])
    every = want(120, labels=labels)
    assert len(missing_texts(every, store)[0]) == 240 - 16

    job = TextJob(wanted, store, lmm)
    texts = job.training_texts(['a', 'b'], counts)
    for i in range(120):
        near = described.nearest[i]
        assert texts.image_text(i) == f'image text of {near}.jpg'
        anchor = texts.group_text(i).removeprefix('group text of ')
        anchor = int(anchor.removesuffix('.jpg'))
        assert anchor in described.rows and labels[anchor] == labels[i]


def test_texts_of_others_do_not_count(blobs, tmp_path, want, store, rule_lmm):
    features, blob = blobs
    lmm = rule_lmm(lambda r, seed: f'text of {r.sample_id}')
    every = want(120, labels=blob // 3, group_prompt=None)
    synthesize(every, range(120), lmm, store)
    described = find_typical(features, blob // 3, 8, tmp_path, 'x')
    wanted = want(
        120, labels=blob // 3, group_prompt=None, described=described
    )
    numbers, counts = missing_texts(wanted, store)
    assert len(numbers) == 0 and counts.reused == 8
    texts = TextJob(wanted, store, lmm).training_texts(['a', 'b'], counts)
    for i in range(120):
        assert texts.image_text(i) == f'text of {described.nearest[i]}.jpg'


def test_a_failed_text_is_replaced_by_the_readers_own_class_text(
    blobs, tmp_path, want, store, rule_lmm
):
    features, blob = blobs
    described = find_typical(features, blob // 3, 8, tmp_path, 'x')
    bad = described.rows[0]
    lmm = rule_lmm(
        lambda r, seed: '' if r.sample_id == f'{bad}.jpg' else 'a text'
    )
    wanted = want(120, labels=blob // 3, described=described)
    numbers, counts = missing_texts(wanted, store)
    counts.add(synthesize(wanted, numbers, lmm, store).as_dict())
    assert (counts.made, counts.failed) == (14, 2)
    texts = TextJob(wanted, store, lmm).training_texts(['a', 'b'], counts)
    for i in range(120):
        own = 'ab'[blob[i] // 3]
        failed = described.nearest[i] == bad
        assert texts.image_text(i) == (own if failed else 'a text')
