import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlatte.lmm import KnownKeys, record_key
from mmlatte.lmm.store import known_keys as module
from mmlatte.lmm.store.text_record import RecordKeys
from mmlatte.sample_key import sample_keys

KEYS = st.integers(0, 2**63 - 1) | st.integers(0, 9)


@given(st.sets(KEYS), st.sets(KEYS), st.lists(KEYS), st.integers(1, 5))
def test_equals_sets(ok, bad, asked, block):
    known = KnownKeys(
        np.array(sorted(ok), np.int64), np.array(sorted(bad), np.int64)
    )
    keys = np.array(asked, np.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, 'BLOCK', block)
        rows, failed = known.resolve(keys), known.failed(keys)
    assert rows.tolist() == [k if k in ok else -1 for k in asked]
    assert failed.tolist() == [k in bad and k not in ok for k in asked]
    assert known.accepted == len(ok)
    shaped = keys[:, None]
    assert known.resolve(shaped).shape == known.failed(shaped).shape
    assert np.array_equal(known.resolve(shaped)[:, 0], rows)
    assert keys.tolist() == asked  # not written to


# Bytes of file names come as U+DC80 and up; other halves of pairs never do.
IDS = st.text(st.characters(exclude_categories=['Cs']), max_size=8)


@given(st.lists(st.tuples(IDS, st.integers(0, 2)), max_size=20))
def test_keys_of_many_equal_keys_of_one(samples):
    ids = [sample_id for sample_id, _ in samples]
    classes = [label for _, label in samples]
    prompts = ['one', 'two?', 'dreé']
    keys = sample_keys(i.encode('utf-8', 'surrogateescape') for i in ids)
    found = RecordKeys('group', prompts)(keys, np.array(classes, int))
    assert found.tolist() == [
        record_key(i, 'group', prompts[c]) for i, c in samples
    ]
    same = RecordKeys('image', prompts[:1])(keys)
    assert same.tolist() == [record_key(i, 'image', 'one') for i in ids]
