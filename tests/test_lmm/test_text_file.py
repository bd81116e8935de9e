import json
import os

import pytest

from mmlatte.lmm import LMMRequest, LMMUnavailableError, TextFile


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
