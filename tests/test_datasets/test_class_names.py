"""Lists of classes as people have them, and folders called like classes."""

import json

import pytest

from mmlatte.datasets.class_file import read_class_file
from mmlatte.datasets.class_names import (
    ClassList,
    folder_name,
    match_folders,
    plain_name,
    read_class_list,
    read_class_names,
)

NAMES = ['café', 'river, small', 'km/h']
SAID = {'sea': ['blue water', 'waves'], 'city': ['streets']}


@pytest.mark.parametrize(
    'codec', ['utf-8', 'utf-8-sig', 'utf-16', 'utf-16-le', 'utf-32']
)
@pytest.mark.parametrize('newline', ['\n', '\r\n'])
def test_text_in_any_unicode(tmp_path, codec, newline):
    path = tmp_path / 'classes.txt'
    text = newline.join([*NAMES, ''])
    # An editor writes the mark of UTF-16 itself.
    mark = '\ufeff' if codec == 'utf-16-le' else ''
    path.write_bytes((mark + text).encode(codec))
    assert read_class_names(str(path)) == tuple(NAMES)
    assert read_class_names(path) == tuple(NAMES)


def test_windows_1252_is_refused_by_name(tmp_path):
    path = tmp_path / 'classes.txt'
    path.write_bytes('forest\ncafé\n'.encode('cp1252'))
    words = (
        r"classes\.txt' is no UTF-8 \(line 2, byte 0xe9.*Windows-1252.*iconv"
    )
    with pytest.raises(ValueError, match=words):
        read_class_names(str(path))


def test_utf_16_without_a_mark_is_refused(tmp_path):
    path = tmp_path / 'classes.txt'
    path.write_bytes('forest\nsea\n'.encode('utf-16-le'))
    with pytest.raises(ValueError, match=r'zero bytes.*Save it as UTF-8'):
        read_class_names(str(path))


PLAIN = [('sea', []), ('city', [])]
FULL = [*SAID.items()]
COCO = json.dumps(
    dict(
        images=[],
        categories=[dict(id=1, name='sea'), dict(id=2, name='city')],
    )
)


@pytest.mark.parametrize(
    ('name', 'content', 'expected'),
    [
        ('a.json', '["sea", "city"]', PLAIN),
        ('a.txt', '["sea",\n "city"]', PLAIN),
        ('a.json', json.dumps(SAID), FULL),
        ('a.json', '{"sea": "blue"}', [('sea', ['blue'])]),
        ('a.json', '{"sea": null, "city": ""}', PLAIN),
        ('a.json', '{"city": 1, "sea": 0}', PLAIN),
        ('a.json', '{"1": "city", "0": "sea"}', PLAIN),
        ('a.json', '{"10": "b", "9": "a"}', [('a', []), ('b', [])]),
        ('a.json', '{"label2id": {"city": "10", "sea": "9"}}', PLAIN),
        ('a.json', '{"0": "7"}', [('7', [])]),
        ('a.json', '[{"name": "sea"}, {"name": "city"}]', PLAIN),
        ('a.json', COCO, PLAIN),
        ('a.json', '[{"class": "sea", "text": "blue"}]', [('sea', ['blue'])]),
        ('a.yaml', '- sea\n- city\n', PLAIN),
        ('a.yml', 'path: data\nnames:\n  0: sea\n  1: city\n', PLAIN),
        ('a.yaml', 'sea: [blue water, waves]\ncity: [streets]\n', FULL),
        ('a.csv', 'class\nsea\ncity\n', PLAIN),
        ('a.csv', 'sea\ncity\n', PLAIN),
        ('a.csv', 'id,Class,text\n1,sea,"a, b"\n', [('sea', ['a, b'])]),
        ('a.csv', 'id;name\n1;sea\n2;city\n', PLAIN),
        ('a.tsv', 'label\tdescription\nsea\tblue\n', [('sea', ['blue'])]),
        ('a.csv', '"river, small"\n', [('river, small', [])]),
        ('a.csv', 'classes\nsea\ncity\n', PLAIN),
        ('a.csv', 'Class name\nsea\ncity\n', PLAIN),
        ('a.csv', 'class,name\n0,sea\n1,city\n', PLAIN),
        ('a.csv', 'label,class_name\n0,sea\n1,city\n', PLAIN),
        ('a.csv', 'class,label\n7,0\n9,1\n', [('7', []), ('9', [])]),
        ('a.txt', '[sea\ncity\n', [('[sea', []), ('city', [])]),
    ],
)  # fmt: skip
def test_files_are_read_as_what_they_are(tmp_path, name, content, expected):
    path = tmp_path / name
    path.write_text(content, encoding='utf-8')
    assert read_class_file(path) == expected


@pytest.mark.parametrize(
    ('name', 'content', 'words'),
    [
        ('a.json', '{"sea"', r"a\.json' is no JSON"),
        ('a.yaml', 'a: [', r"a\.yaml' is no YAML"),
        ('a.json', '3', 'must hold a list of names .* not a int'),
        ('a.yaml', '- yes\n- no\n', 'True is no text.*in quotes'),
        ('a.json', '{"0": "sea", "city": "x"}', 'mixes numbers and names'),
        ('a.json', '{"sea": {"a": 1}}', "about 'sea' must be a text"),
        ('a.json', '[{"id": 1}]', r"keys \['id'\], and none of class, name"),
        ('a.csv', 'sea,blue\ncity,grey\n', 'has 2 columns.*class,description'),
        ('a.csv', 'class,text\nsea,blue\ncity,a grey, dense place\n',
         r"a\.csv', line 3, has 3 fields, the first line 2; quote names"),
        ('a.tsv', 'class\nsea, calm\n', 'has 2 fields, the first line 1'),
        ('a.csv', 'id,class\n1,sea\n2\n', 'name 2 is empty'),
        ('a.json', '[]', 'holds no class name'),
        ('a.json', '{"sea": "blue", "city": ""}', r"about \['city'\]"),
        ('a.txt', 'sea\nland\nSEA\n', "name 3, 'SEA', repeats name 1"),
        ('a.txt', 'sea | ocean\nocean\n', "name 2, 'ocean', repeats name 1"),
        ('a.txt', 'sea |\n', 'name 1 is empty'),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_text(content, encoding='utf-8')
    with pytest.raises(ValueError, match=words):
        read_class_list(str(path))


def test_alternatives_are_names_of_one_class():
    expected = ClassList(('forest', 'sea'), {'forest': ['woodland', 'wood']})
    assert read_class_list('forest | woodland|wood, sea') == expected
    assert read_class_list(['forest|woodland|wood', 'sea']) == expected
    assert read_class_names('forest | woodland, sea') == ('forest', 'sea')


def test_a_missing_file_is_no_list():
    for name in ('a.json', 'x,y.yaml'):
        with pytest.raises(FileNotFoundError, match='does not exist'):
            read_class_list(name)


@pytest.mark.parametrize(
    'name',
    ['Ram C/V Cargo Van', 'a:b', '.hidden', 'end.', '50% off', 'a|b', 'km/h'],
)
def test_every_name_has_one_folder(tmp_path, name):
    """Stanford Cars, FGVC-Aircraft and SUN397 have such names."""
    folder = folder_name(name)
    (tmp_path / folder).mkdir()
    assert [entry.name for entry in tmp_path.iterdir()] == [folder]
    assert match_folders([folder], ['other', name]) == {folder: 1}
    assert plain_name(folder) == plain_name(name)


def test_breaks_and_case_do_not_count():
    names = ['annual crop', 'sea/lake', 'Highway']
    folders = ['AnnualCrop', 'sea_lake', 'high-way', 'rubbish']
    assert match_folders(folders, names) == {
        'AnnualCrop': 0,
        'sea_lake': 1,
        'high-way': 2,
    }
    assert match_folders(['wood'], ['forest'], {'forest': ['wood']}) == {
        'wood': 0
    }


def test_names_that_differ_in_breaks_only():
    names = ['greenhouse', 'green house']
    exact = match_folders(['green house', 'greenhouse'], names)
    assert exact == {'green house': 1, 'greenhouse': 0}
    words = "'green_house' could be 'greenhouse' or 'green house'"
    with pytest.raises(ValueError, match=words):
        match_folders(['green_house'], names)
    with pytest.raises(ValueError, match="'a_b' and 'ab' are both called"):
        match_folders(['a_b', 'ab'], ['a b'])
