import json
from pathlib import Path

import numpy as np
import pytest

from mmlatte.decode_image import DecodeOptions
from mmlatte.image_table import ImageTable, key_name
from mmlatte.lmm import (
    GroupOptions,
    TextFile,
    TextRecord,
    TextStore,
    picture_keys,
)
from mmlatte.lmm.asking.prompts import group_key
from mmlatte.lmm.backends.base_lmm import LMMRequest
from mmlatte.lmm.store.text_exchange import (
    export_jsonl,
    export_parquet,
    export_txt,
    import_jsonl,
)

REPO = Path(__file__).resolve().parents[3]
GROUP = group_key('Describe all.', 'river', GroupOptions(), 3, 'clip')
RECORDS = [
    TextRecord(
        'a/1.jpg',
        'image',
        'Describe.\nIn two lines.',
        'a "river"\0\u202e 🛰️',
        image='00000000000000a1',
        model='llava',
        params={'max_new_tokens': 77},
        created=12.5,
    ),
    TextRecord(
        'a/1.jpg',
        'group',
        GROUP,
        'rivers',
        members=('a/1.jpg', 'odd \udcff\n".jpg'),
        image='00000000000000a1',
        created=1.0,
    ),
    TextRecord(
        'odd \udcff\n".jpg',
        'image',
        'p',
        'odd',
        image='ffffffffffffffff',
        created=2.0,
    ),
    TextRecord(
        'b.jpg',
        'image',
        'p',
        '',
        'failed',
        'refusal',
        image='00000000000000b0',
        attempts=2,
        created=3.0,
    ),
]


def by_key(store):
    return {record.key: record for record in store.records()}


@pytest.fixture
def filled(store):
    store.put(RECORDS)
    return store


def test_jsonl_goes_there_and_back(filled, tmp_path):
    path = tmp_path / 'texts.jsonl'
    assert export_jsonl(filled, path) == 4
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    [group] = [line for line in lines if line['kind'] == 'group']
    assert group['prompt'] == 'Describe all.'
    assert group['group']['class'] == 'river' and group['group']['seed'] == 3
    other = TextStore(tmp_path / 'other')
    assert import_jsonl(other, path) == 4
    assert by_key(other) == by_key(filled) == {r.key: r for r in RECORDS}
    # The exported file is a backend, too.
    lmm = TextFile(str(path))
    request = LMMRequest('a/1.jpg', 'group', 'Describe all.', lambda: None)
    [[answer]] = lmm.generate([request])
    assert answer.text == 'rivers'


def test_a_line_that_fits_no_image_is_refused(store, tmp_path):
    path = tmp_path / 'texts.jsonl'
    line = dict(sample_id='a.jpg', kind='image', prompt='p', text='t')
    for image in ({}, {'image': ''}, {'image': 'a1'}):
        path.write_text(json.dumps({**line, **image}))
        with pytest.raises(ValueError, match=r'line 1.*mmlatte\.TextFile'):
            import_jsonl(store, path)
    path.write_text(json.dumps({**line, 'kind': 'class'}))
    assert import_jsonl(store, path) == 1


def test_a_malformed_line_is_named(store, tmp_path):
    path = tmp_path / 'texts.jsonl'
    for line in ('{', '[]', '{"sample_id": "a"}', '{"sample_id": 1}'):
        path.write_text(line)
        with pytest.raises(ValueError, match='line 1'):
            import_jsonl(store, path)


def test_txt_folders_go_there_and_back(filled, tmp_path):
    folder = tmp_path / 'txt'
    filled.put([TextRecord('a/1.jpg', 'image', 'second', 'another')])
    assert export_txt(filled, folder) == 4
    both = {
        (folder / name / 'a' / '1.txt').read_text()
        for name in ('image', 'image-2')
    }
    assert both == {RECORDS[0].text, 'another'}
    lmm = TextFile(
        group_dir=str(folder / 'group'),
        image_dir=str(folder / 'image'),
        layout='nested',
    )
    lmm.check()
    odd = LMMRequest('odd \udcff\n".jpg', 'image', 'p', lambda: None)
    [[answer]] = lmm.generate([odd])
    assert answer.text == 'odd'
    with pytest.raises(ValueError, match='not empty'):
        export_txt(filled, folder)


@pytest.mark.parametrize('name', ['../out.jpg', 'a/../../out.jpg', '/out.jpg'])
def test_a_sample_id_cannot_leave_the_folder(store, tmp_path, name):
    store.put([TextRecord(name, 'image', 'p', 'text')])
    with pytest.raises(ValueError, match='leaves'):
        export_txt(store, tmp_path / 'txt')
    assert not list(tmp_path.glob('**/out*'))


def test_parquet(filled, tmp_path):
    parquet = pytest.importorskip('pyarrow.parquet')
    path = tmp_path / 'texts.parquet'
    assert export_parquet(filled, path) == 4
    rows = parquet.read_table(path).to_pylist()
    found = {
        (row['sample_id_bytes'], row['kind'], row['text']) for row in rows
    }
    assert found == {
        (r.sample_id.encode('utf-8', 'surrogateescape'), r.kind, r.text)
        for r in RECORDS
    }
    [odd] = [r for r in rows if r['text'] == 'odd']
    assert odd['sample_id'] == 'odd \\xff\n".jpg'
    [failed] = [r for r in rows if r['status'] == 'failed']
    assert (failed['reason'], failed['attempts']) == ('refusal', 2)


@pytest.mark.parametrize('range', [None, (0, 4095)])
def test_texts_of_images_as_they_are_now(filled, tmp_path, run_script, range):
    """What replaced images left in the store is not exported."""
    folder = tmp_path / 'images' / 'sub'
    folder.mkdir(parents=True)
    (folder / 'new name.jpg').write_bytes(b'pixels')
    keys = ImageTable(tmp_path).of([str(folder / 'new name.jpg')]).keys
    other, key = keys[0] + np.uint64(1), keys[0]
    if range:
        other = keys[0]
        (key,) = picture_keys(keys, DecodeOptions(range))
    filled.put(
        [
            TextRecord('old.jpg', 'image', 'p', 'seen', image=key_name(key)),
            TextRecord('old.jpg', 'image', 'p', 'gone', image='0' * 16),
            TextRecord('b.jpg', 'image', 'p', 'other', image=key_name(other)),
        ]
    )
    filled.close()
    path = tmp_path / 'texts.jsonl'
    done = run_script(
        REPO / 'tools' / 'texts.py',
        'export',
        filled.folder,
        path,
        '--images',
        tmp_path / 'images',
        *(['--range', *range] if range else []),
    )
    assert done.returncode == 0, done.stderr
    (line,) = map(json.loads, path.read_text().splitlines())
    assert (line['sample_id'], line['text']) == ('sub/new name.jpg', 'seen')
