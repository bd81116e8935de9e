import copy
import hashlib
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlatte.datasets import UnlabeledFolder, sample_index
from mmlatte.datasets.sample_index import (
    SampleIndex,
    file_sizes,
    samples_of,
)

#: The order in which every version of mmlatte must list these: runs, texts
#: and features on disk depend on it.
PINNED = [
    'ü.jpg',
    'b/d/e f.webp',
    '2750/Forest/Forest_1.jpg',
    'b/c.PNG',
    'odd\udcff.jpg',
    'a.jpg',
]
NAMES = st.text(
    st.characters(exclude_characters='\0/', exclude_categories=['Cs']),
    min_size=1,
    max_size=12,
)


def listed(names, labels):
    """The samples as plain dicts in a plain sort."""

    def key(entry):
        raw = entry[0].encode('utf-8', 'surrogateescape')
        return hashlib.blake2b(raw, digest_size=8).digest(), raw

    return [
        {'img_path': f'/data/{name}', 'sample_id': name, 'gt_label': label}
        for name, label in sorted(zip(names, labels, strict=True), key=key)
    ]


def test_pinned_order():
    assert SampleIndex('/', sorted(PINNED)).names() == PINNED


@given(st.lists(NAMES, max_size=30), st.data())
def test_equals_a_sorted_list_of_dicts(names, data):
    labels = [len(name) for name in names]
    expected = listed(names, labels)
    index = SampleIndex('/data', iter(names), labels)
    assert [*index] == expected and len(index) == len(expected)
    cut = data.draw(st.slices(len(names)))
    assert [*index[cut]] == expected[cut]
    rows = data.draw(st.lists(st.sampled_from(range(len(names) or 1))))
    if names:
        taken = index.take(rows)
        assert [*taken] == [expected[i] for i in rows]
        assert taken.names() == [expected[i]['sample_id'] for i in rows]
    copied = pickle.loads(pickle.dumps(index))
    assert [*copied] == [*copy.deepcopy(index)] == expected


@given(st.lists(NAMES, max_size=20))
def test_equal_keys_are_ordered_by_name(names):
    with pytest.MonkeyPatch.context() as patch:
        # Few keys: many samples share one.
        patch.setattr(sample_index, 'sample_keys', first_byte)
        index = SampleIndex('/', names, range(len(names)))
    entries = [(n.encode(), i) for i, n in enumerate(names)]
    entries.sort(key=lambda e: (e[0][:1], e[0]))
    assert index.labels.tolist() == [i for _, i in entries]


def first_byte(names: list[bytes]) -> np.ndarray:
    return np.array([(name + b'\0')[0] for name in names], np.uint64)


@given(st.lists(NAMES, max_size=20))
def test_keys_are_hashes_of_the_ids(names):
    index = SampleIndex('/', names)
    hashes = [
        hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
        for name in index.names()
    ]
    assert [f'{key:016x}' for key in index.keys().tolist()] == hashes
    assert index.keys(1, 3).tolist() == index.keys().tolist()[1:3]
    assert index[1:].keys().tolist() == index.keys().tolist()[1:]


def test_a_sample_takes_the_bytes_of_its_name_and_17():
    names = [f'folder{i % 7}/image_{i:08d}.jpg' for i in range(1000)]
    index = SampleIndex('/data', names, [0] * 1000)
    assert index.nbytes == sum(map(len, names)) + 17 * 1000


def test_paths_outside_the_folder():
    index = SampleIndex('/data/set', ['../other/x.jpg'])
    assert index[0]['img_path'] == '/data/other/x.jpg'
    assert index.paths() == ['/data/other/x.jpg']


def test_file_sizes(tmp_path):
    paths = []
    for i in range(600):
        path = tmp_path / f'{i}.jpg'
        if i % 3:
            path.write_bytes(b'x' * i)
        paths.append(str(path))
    expected = [i if i % 3 else -1 for i in range(600)]
    assert file_sizes(paths).tolist() == expected
    assert file_sizes([]).tolist() == []


@pytest.fixture
def folder(tmp_path):
    for i in range(9):
        (tmp_path / f'{i}.jpg').touch()
    return tmp_path


@pytest.mark.stack
@pytest.mark.parametrize('indices', [4, -4, [8, 0, 3], range(2, 5), 0])
def test_indices_and_subsets(folder, indices):
    whole = UnlabeledFolder(str(folder), ['a', 'b'])
    ids = [whole.get_data_info(i)['sample_id'] for i in range(9)]
    if isinstance(indices, int):
        expected = ids[:indices] if indices >= 0 else ids[indices:]
    else:
        expected = [ids[i] for i in indices]
    for part in (
        UnlabeledFolder(str(folder), ['a', 'b'], indices=indices),
        whole.get_subset(indices),
    ):
        found = [part.get_data_info(i) for i in range(len(part))]
        assert [info['sample_id'] for info in found] == expected
        assert [i['sample_idx'] for i in found] == [*range(len(expected))]
    assert len(whole) == 9
    whole.get_subset_(indices)
    assert samples_of(whole).names() == expected
    if expected:
        last = whole.get_data_info(-1)
        assert last['sample_idx'] == len(expected) - 1


def test_samples_of_a_dataset_that_has_no_index(folder):
    ours = UnlabeledFolder(str(folder), ['a', 'b'])
    plain = UnlabeledFolder(str(folder), ['a', 'b'])
    plain.data_list = [*plain.data_list]
    index, foreign = samples_of(ours), samples_of(plain)
    assert index is ours.data_list and foreign is not plain.data_list
    assert foreign.names(2, 99) == index.names(2, 99)
    assert foreign.paths(2, 5) == index.paths(2, 5)
    assert foreign.paths(1, 99, 3) == index.paths(1, 99, 3)
    assert foreign.labels is None and index.labels is None
    with pytest.raises(ValueError, match='no labels'):
        ours.get_gt_labels()
    for info in plain.data_list:
        info['gt_label'] = 1
    assert np.array_equal(foreign.labels, [1] * 9)
