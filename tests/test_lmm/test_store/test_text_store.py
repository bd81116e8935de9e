import contextlib
import os
import pickle
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlatte.lmm import TextRecord, TextStore, record_key
from mmlatte.lmm.store.store_file import connect_new

PROMPT = 'Describe the land use.'


def records(*names, prompt=PROMPT, **content):
    content = {'text': 'a river', **content}
    return [TextRecord(name, 'image', prompt, **content) for name in names]


def keys(*names, prompt=PROMPT):
    return np.array([record_key(name, 'image', prompt) for name in names])


def test_text_is_read_back_before_and_after_sealing_and_merging(tmp_path):
    store = TextStore(tmp_path)
    store.put(records('a.jpg', text='one'))
    [row] = store.resolve(keys('a.jpg'))
    assert store.text(row) == 'one'
    store.close()
    assert store.text(row) == 'one'
    with TextStore(tmp_path) as second:
        second.put(records('b.jpg', text='two'))
    store.merge()
    assert [p.suffix for p in tmp_path.iterdir()] == ['.db']
    # The row number outlives the files.
    assert store.text(row) == 'one'
    assert store.text(*store.resolve(keys('b.jpg'))) == 'two'
    assert len(store) == 2


def test_a_file_that_a_network_disk_took_away_is_opened_anew(store):
    class Gone:
        def execute(self, *_):
            raise sqlite3.OperationalError('disk I/O error')

        def close(self):
            pass

    with store:
        store.put(records('a.jpg', text='one'))
    [row] = store.resolve(keys('a.jpg'))
    store._readers = [Gone()]
    assert store.text(row) == 'one'


def test_missing_and_failed_texts_have_no_row(tmp_path):
    store = TextStore(tmp_path)
    wanted = keys('a', 'b', 'c').reshape(3, 1)
    assert store.resolve(wanted).tolist() == [[-1]] * 3
    store.put(records('a'))
    store.put(records('b', text='', status='failed', reason='refusal'))
    assert (store.resolve(wanted) >= 0).tolist() == [[True], [False], [False]]
    assert store.failed(wanted).tolist() == [[False], [True], [False]]
    assert store.record(int(wanted[1, 0])).reason == 'refusal'
    with pytest.raises(KeyError):
        store.text(int(wanted[1, 0]))


def test_an_accepted_text_replaces_a_failure_and_nothing_else(tmp_path):
    for merge in (False, True):
        folder = tmp_path / str(merge)
        for text, status in (
            ('', 'failed'),
            ('first', 'ok'),
            ('second', 'ok'),
            ('', 'failed'),
        ):
            with TextStore(folder) as store:
                store.put(records('a', text=text, status=status))
                if merge:
                    store.merge()
        store = TextStore(folder)
        assert len(store) == 1
        [found] = store.records()
        assert found.status == 'ok'
        assert found.text == 'first' if merge else found.text


def test_kinds_prompts_and_samples_have_keys_of_their_own(tmp_path):
    variants = {
        record_key(sample, kind, prompt)
        for sample in ('a', 'b', 'ab')
        for kind in ('image', 'group', 'class')
        for prompt in ('', 'a', 'ba')
    }
    assert len(variants) == 27
    assert all(0 <= key < 2**63 for key in variants)


names = st.text(
    st.characters(codec='utf-8')
    | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF),
    min_size=1,
    max_size=30,
)


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(
        names.filter(lambda n: '\0' not in n),
        st.text(st.characters(codec='utf-8'), min_size=1),
        min_size=1,
    )
)
def test_any_text_and_any_file_name_survive(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp('store')
    with TextStore(folder) as store:
        store.put(
            TextRecord(
                name,
                'group',
                PROMPT,
                text=text,
                members=(name, name),
                model='m',
                params={'a': 1},
                created=7.5,
            )
            for name, text in content.items()
        )
        store.merge()
    found = {r.sample_id: r for r in TextStore(folder).records()}
    assert {name: r.text for name, r in found.items()} == content
    for name, record in found.items():
        assert record.members == (name, name)
        assert (record.model, record.params) == ('m', {'a': 1})
        assert (record.prompt, record.kind) == (PROMPT, 'group')
        assert record.created == 7.5
        assert record.key == record_key(name, 'group', PROMPT)


def test_hostile_texts_are_stored_whole(tmp_path):
    texts = ['a\0b', '<script>', '\u202eright to left', '🛰️', 'x' * 10**6]
    with TextStore(tmp_path) as store:
        store.put(
            TextRecord(f'{i}', 'image', PROMPT, text=text)
            for i, text in enumerate(texts)
        )
    found = {r.sample_id: r.text for r in store.records()}
    assert [found[str(i)] for i in range(len(texts))] == texts


def test_half_a_surrogate_pair_does_not_stop_a_batch(tmp_path):
    with TextStore(tmp_path) as store:
        store.put(records('a', text='x\ud800y') + records('b'))
    assert store.text(*store.resolve(keys('a'))) == 'x?y'
    assert len(store) == 2


def test_a_store_goes_through_fork_and_pickle(tmp_path):
    store = TextStore(tmp_path)
    store.put(records('a', text='here'))
    [row] = store.resolve(keys('a'))
    assert pickle.loads(pickle.dumps(store)).text(row) == 'here'
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            store.put(records('child', text='forked'))
            os.write(write, store.text(row).encode())
            store.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100) == b'here'
    store.put(records('b'))
    store.merge()
    assert len(store) == 3


def write_forever(folder, start, writer, acknowledge):
    store = TextStore(folder)
    while True:
        names = [f'{writer}-{start + i}' for i in range(7)]
        start += 7
        store.put(
            TextRecord(n, 'image', 'p', text=f'text of {n} ' * 50)
            for n in names
        )
        os.write(acknowledge, f'{start}\n'.encode())
        time.sleep(0.002)


def fork(function, *arguments):
    """Run a function in a child that ends without any cleaning up."""
    child = os.fork()
    if child == 0:
        try:
            function(*arguments)
        finally:
            os._exit(0)
    return child


ROUNDS = int(os.environ.get('MMLATTE_KILL_ROUNDS', 3))


def test_killed_writers_lose_nothing_that_was_acknowledged(tmp_path):
    """Four writers, killed at random; a reader looks on meanwhile."""
    chance = random.Random(0)
    expected: set[str] = set()
    for number in range(ROUNDS):
        writers = []
        for writer in range(4):
            read, write = os.pipe()
            start = 10**6 * number
            child = fork(write_forever, tmp_path, start, writer, write)
            os.close(write)
            writers.append((writer, start, child, read))
        while len(list(tmp_path.glob('*.part'))) < 4:
            pass
        for _, _, child, _ in chance.sample(writers, 4):
            until = time.monotonic() + chance.uniform(0, 0.2)
            len(TextStore(tmp_path))
            time.sleep(max(0, until - time.monotonic()))
            os.kill(child, signal.SIGKILL)
        for writer, start, child, read in writers:
            os.waitpid(child, 0)
            with os.fdopen(read) as lines:
                done = [int(line) for line in lines if line.endswith('\n')]
            last = max(done, default=start)
            expected |= {f'{writer}-{i}' for i in range(start, last)}
        store = TextStore(tmp_path)
        if number % 3 == 1:
            store.recover()
            assert not list(tmp_path.glob('*.part'))
        elif number % 3 == 2:
            store.merge()
            assert len(list(tmp_path.iterdir())) == 1
        found = list(store.records())
        ids = [record.sample_id for record in found]
        assert len(ids) == len(set(ids)), 'a text is there twice'
        assert expected <= set(ids), 'an acknowledged text is lost'
        for record in found:
            assert record.text == f'text of {record.sample_id} ' * 50
    assert len(expected) > 4 * ROUNDS


def test_a_torn_transaction_is_read_as_it_was_before(tmp_path):
    """A hot journal: the file holds pages of a transaction in flight."""
    code = """
    import os, sqlite3, sys
    from mmlatte.lmm.store.text_record import TextRecord
    from mmlatte.lmm.store.text_store import TextStore
    store = TextStore(sys.argv[1])
    store.put([TextRecord('whole', 'image', 'p', text='kept')])
    store._writer.execute('PRAGMA cache_size=5')
    store._writer.execute('BEGIN')
    # Spills into the file before the commit that never comes.
    store._writer.execute("UPDATE texts SET text='torn'")
    store._writer.execute(
        "CREATE TABLE junk AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
        "SELECT i+1 FROM n WHERE i<20000) SELECT i, hex(randomblob(99)) t "
        "FROM n")
    os.kill(os.getpid(), 9)
    """
    subprocess.run([sys.executable, '-c', textwrap.dedent(code), tmp_path])
    [journal] = tmp_path.glob('*-journal')
    [part] = tmp_path.glob('*.part')
    assert journal.stat().st_size and part.stat().st_size > 10**5
    before = part.read_bytes()
    store = TextStore(tmp_path)
    assert [r.text for r in store.records()] == ['kept']
    assert part.read_bytes() == before, 'reading changed the file'
    store.merge()
    assert [p.suffix for p in tmp_path.iterdir()] == ['.db']
    assert [r.text for r in store.records()] == ['kept']


def test_merging_leaves_the_files_of_live_and_foreign_writers(tmp_path):
    live = TextStore(tmp_path)
    live.put(records('live'))
    foreign = TextStore(tmp_path)
    foreign.put(records('foreign'))
    for path in (foreign._part, foreign._part.with_suffix('.lock')):
        path.rename(tmp_path / f'0123456789ab-1-00{path.suffix}')
    with TextStore(tmp_path) as store:
        store.put(records('mine'))
        store.merge()
    assert len(list(tmp_path.glob('*.part'))) == 2
    assert len(list(tmp_path.glob('*.db'))) == 1
    live.put(records('later'))
    assert len(store) == 4


def test_concurrent_merges_lose_nothing(tmp_path):
    for index in range(12):
        with TextStore(tmp_path) as store:
            store.put(records(*(f'{index}-{i}' for i in range(50))))
    mergers = [fork(TextStore(tmp_path).merge) for _ in range(3)]
    running = set(mergers)
    while running:
        assert len(TextStore(tmp_path)) == 600
        child, _ = os.waitpid(-1, os.WNOHANG)
        running.discard(child)
    assert len(TextStore(tmp_path)) == 600


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / 'x-1-00.part').write_bytes(b'SQLite format 3\0' + b'?' * 5000)
    with pytest.raises(RuntimeError, match=r'x-1-00\.part'):
        len(TextStore(tmp_path))


def test_no_shared_memory_journal(tmp_path):
    store = TextStore(tmp_path)
    store.put(records('a'))
    with sqlite3.connect(store._part) as db:
        assert db.execute('PRAGMA journal_mode').fetchone() == ('delete',)
    assert store._writer.execute('PRAGMA synchronous').fetchone() == (3,)


@pytest.mark.parametrize('suffix', ['.db', '.part'])
def test_files_of_another_version_are_named(tmp_path, suffix):
    path = tmp_path / f'old{suffix}'
    with contextlib.closing(connect_new(path)) as db:
        db.execute('PRAGMA user_version=1')
    with pytest.raises(RuntimeError, match=rf'old\{suffix} is a text store'):
        TextStore(tmp_path).known()
