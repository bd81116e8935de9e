import json
import os

import pytest

from mmlatte.lmm import (
    LMMRequest,
    LMMUnavailableError,
    TextFile,
    synthesize,
)


def ask(lmm, *sample_ids, kind='image', prompt='Describe.'):
    requests = [LMMRequest(s, kind, prompt, lambda: None) for s in sample_ids]
    answers = [a for batch in lmm.generate(requests) for a in batch]
    return [a.text or f'! {a.error}' for a in answers]


def test_jsonl_answers_by_sample_kind_and_prompt(tmp_path):
    path = tmp_path / 't.jsonl'
    lines = [
        dict(sample_id='a/1.jpg', text='one'),
        dict(sample_id='a/1.jpg', text='a group', kind='group'),
        dict(sample_id='b.jpg', text='any'),
        dict(sample_id='b.jpg', text='other', prompt='What?'),
        dict(sample_id='c.jpg', text='', status='failed'),
        dict(sample_id='odd\udcff".jpg', text='ä 🛰️'),
    ]
    path.write_text('\n\n'.join(map(json.dumps, lines)))
    lmm = TextFile(str(path))
    lmm.check()
    assert ask(lmm, 'a/1.jpg', 'b.jpg') == ['one', 'any']
    assert ask(lmm, 'a/1.jpg', kind='group') == ['a group']
    assert ask(lmm, 'b.jpg', prompt='What?') == ['other']
    assert ask(lmm, 'odd\udcff".jpg') == ['ä 🛰️']
    for absent in ('c.jpg', 'd.jpg'):
        assert ask(lmm, absent) == [f'! not in {path}']


@pytest.mark.parametrize(
    'line, message',
    [
        ('{"sample_id": "a"', 'line 2'),
        ('{"sample_id": "a"}', 'text'),
        ('{"sample_id": 1, "text": "x"}', 'must be strings'),
        ('{"sample_id": "a", "text": "x", "kind": "k"}', 'kind'),
        ('[]', 'line 2'),
    ],
)
def test_a_malformed_line_is_named(tmp_path, line, message):
    path = tmp_path / 't.jsonl'
    path.write_text('{"sample_id": "ok", "text": "x"}\n' + line + '\n')
    with pytest.raises(LMMUnavailableError, match=message):
        TextFile(str(path)).check()


def test_absent_sources(tmp_path):
    with pytest.raises(LMMUnavailableError, match='there is no'):
        TextFile(str(tmp_path / 'absent.jsonl')).check()
    with pytest.raises(LMMUnavailableError, match=r'no \.txt'):
        TextFile(image_dir=str(tmp_path)).check()
    with pytest.raises(ValueError, match='either'):
        TextFile()
    with pytest.raises(ValueError, match='either'):
        TextFile('a', image_dir='b')


def test_folders_of_the_reference_code(tmp_path):
    images, groups = tmp_path / 'images', tmp_path / 'groups'
    images.mkdir()
    groups.mkdir()
    (images / 'Forest_1.txt').write_text('a forest\n')
    (groups / 'Forest_1.txt').write_text('forests')
    lmm = TextFile(image_dir=str(images), group_dir=str(groups))
    lmm.check()
    assert ask(lmm, 'Forest/Forest_1.jpg') == ['a forest\n']
    assert ask(lmm, 'Forest/Forest_1.jpg', kind='group') == ['forests']
    [answer] = ask(lmm, 'Forest/Forest_2.jpg')
    assert answer.startswith('! ') and 'Forest_2.txt' in answer
    # Two images of one name cannot share a text.
    first, second = ask(lmm, 'Forest/Forest_1.jpg', 'Other/Forest_1.png')
    assert first == 'a forest\n'
    assert second == '! Forest_1.txt may belong to Forest/Forest_1.jpg too'


def test_no_image_gets_the_text_of_a_name_that_several_have(
    tmp_path, want, store
):
    """Also where the others are in another block, or of another process."""
    for name in '123':
        (tmp_path / f'{name}.txt').write_text(f'text {name}')
    names = ['a/1.jpg', 'b/1.jpg', 'b/2.jpg', 'a/3.jpg', 'a/3.jpg']
    lmm = TextFile(image_dir=str(tmp_path))
    wanted = want(5, group_prompt=None)
    wanted.samples._names = names
    for number in range(4):
        synthesize(wanted, [number], lmm, store)
    found = {r.sample_id: r.text or r.reason for r in store.records()}
    assert found.pop('b/2.jpg') == 'text 2'
    # An image that is listed twice shares its name with nobody.
    assert found.pop('a/3.jpg') == 'text 3'
    assert set(found) == {'a/1.jpg', 'b/1.jpg'}
    for reason in found.values():
        assert reason.startswith('several images have this file name: 1.txt')
    # Without the list of samples, owners are known across calls.
    lmm = TextFile(image_dir=str(tmp_path))
    assert ask(lmm, 'a/1.jpg') == ['text 1']
    assert ask(lmm, 'b/1.jpg') == ['! 1.txt may belong to a/1.jpg too']


def test_nested_folders_and_a_missing_kind(tmp_path):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a' / '1.x.txt').write_text('nested')
    lmm = TextFile(image_dir=str(tmp_path), layout='nested')
    lmm.check()
    assert ask(lmm, 'a/1.x.jpg') == ['nested']
    assert ask(lmm, 'a/1.x.jpg', kind='group') == ['! no group_dir was given']


def test_a_changed_file_has_another_fingerprint(tmp_path):
    path = tmp_path / 't.jsonl'
    path.write_text('{"sample_id": "a", "text": "x"}')
    before = TextFile(str(path)).fingerprint
    assert TextFile(str(path)).fingerprint == before
    os.utime(path, (1, 1))
    assert TextFile(str(path)).fingerprint != before


def test_a_changed_text_in_a_folder_has_another_fingerprint(tmp_path):
    def fingerprint(layout='nested'):
        return TextFile(image_dir=str(tmp_path), layout=layout).fingerprint

    deep = tmp_path / 'a'
    deep.mkdir()
    (deep / '1.txt').write_text('one')
    (tmp_path / '2.txt').write_text('two')
    seen = [fingerprint()]
    assert fingerprint() == seen[0] != fingerprint('flat')
    folder = tmp_path.stat()
    (deep / '1.txt').write_text('longer')
    seen.append(fingerprint())
    os.utime(deep / '1.txt', ns=(1, 1))
    seen.append(fingerprint())
    (deep / '3.txt').write_text('')
    seen.append(fingerprint())
    (deep / '3.txt').rename(deep / '4.txt')
    seen.append(fingerprint())
    assert len(set(seen)) == len(seen)
    assert tmp_path.stat().st_mtime_ns == folder.st_mtime_ns
    # The flat layout reads the folder itself only.
    flat = fingerprint('flat')
    (deep / '1.txt').write_text('again')
    assert fingerprint('flat') == flat
    os.utime(tmp_path / '2.txt', ns=(1, 1))
    assert fingerprint('flat') != flat
    # A folder that is not there is named by check().
    assert TextFile(image_dir=str(tmp_path / 'no')).fingerprint
