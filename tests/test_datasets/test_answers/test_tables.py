"""CSV, TSV and JSONL: what is read, and what is said about mistakes."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlatte.datasets.answers import (
    NONE,
    SKIP,
    Answer,
    read_answers,
    write_answers,
)


@pytest.mark.parametrize('delimiter', [',', '\t', ';'])
@pytest.mark.parametrize('start', ['', '\ufeff'])
def test_tables(write, delimiter, start, read, ids, classes):
    lines = [
        'class,image',
        'cat,cat/1.jpg',
        f'{NONE},dog/1.jpg',
        'none,cat/2.jpg',
    ]
    text = '\r\n'.join(lines).replace(',', delimiter)
    # The suffix tells nothing.
    path = write(start + text, 'labels.txt')
    answers = read_answers(path, ids, classes)
    assert read(path) == {
        'cat/1.jpg': 'cat',
        'dog/1.jpg': NONE,
        'cat/2.jpg': 'none',
    }
    assert {a.source for a in answers} == {'labels.txt'}
    assert [a.where.rpartition(':')[2] for a in answers] == ['2', '3', '4']


def test_utf16_of_a_spreadsheet(write, read):
    text = 'image\tclass\ncat/1.jpg\tcat\n'
    path = write(text.encode('utf-16'))
    assert read(path) == {'cat/1.jpg': 'cat'}


def test_confidence_and_annotator(write, ids, classes):
    path = write(
        'image,class,confidence,annotator,note\n'
        'cat/1.jpg,cat,0.25,ann,x\ncat/1.jpg,dog,,bob,\ncat/2.jpg,(skip),,,\n'
    )
    assert list(read_answers(path, ids, classes, source='me')) == [
        Answer('cat/1.jpg', 'cat', 0.25, 'ann'),
        Answer('cat/1.jpg', 'dog', 1, 'bob'),
        Answer('cat/2.jpg', SKIP, 1, 'me'),
    ]


@pytest.mark.parametrize(
    ('lines', 'expected'),
    [
        (['cat,2026-06-01T00:00:00Z', 'dog,2026-05-01T00:00:00Z'], 'cat'),
        (['cat,2026-05-01T00:00:00Z', 'dog,2026-06-01T00:00:00Z'], 'dog'),
        (['cat,2026-05-01T00:00:00Z', 'dog,2026-05-01T00:00:00Z'], 'dog'),
        (['cat,2026-05-01T09:00:00+09:00', 'dog,2026-05-01T01:00:00'], 'dog'),
        (['cat,', 'dog,2026-05-01T00:00:00Z'], 'dog'),
        (
            ['(withdrawn),2026-06-01T00:00:00Z', 'cat,2026-05-01T00:00:00Z'],
            None,
        ),
        (
            [
                'cat,2026-05-02T00:00:00Z',
                'dog,2026-05-03T00:00:00Z',
                'none,2026-05-01T00:00:00Z',
            ],
            'dog',
        ),
    ],
)
def test_the_newest_of_an_annotators_lines_counts(
    write, read, lines, expected
):
    rows = ''.join(f'cat/1.jpg,{line}\n' for line in lines)
    found = read(write(f'image,class,when\n{rows}'))
    assert found == ({} if expected is None else {'cat/1.jpg': expected})


@pytest.mark.parametrize('part', ['', '.5', '.123456'])
def test_a_last_line_that_ends_in_a_time_is_whole(write, read, part):
    text = f'image,class,when\ncat/1.jpg,cat,2026-05-01T12:30:00{part}Z'
    assert read(write(text)) == {'cat/1.jpg': 'cat'}
    for end in range(text.index('T12'), len(text)):
        assert read(write(text[:end])) == {}


def test_jsonl(write, ids, classes):
    rows = [
        dict(image='cat/1.jpg', **{'class': 'cat'}, confidence=0.5),
        dict(image='é,"x".jpg', **{'class': 'dog'}, annotator='lmm:x'),
    ]
    for some in (rows, rows[:1]):
        path = write('\n'.join(map(json.dumps, some)) + '\n', 'labels.csv')
        answers = read_answers(path, ids, classes)
        assert len(answers) == len(some)
        assert answers.items[0] == Answer(
            'cat/1.jpg', 'cat', 0.5, 'labels.csv'
        )
    assert (
        read_answers(write('\n'.join(map(json.dumps, rows))), ids, classes)
        .items[1]
        .source
        == 'lmm:x'
    )


@pytest.mark.parametrize(
    'name',
    [
        'dog/my dog.png',
        'my dog.png',
        '/home/me/photos/dog/my dog.png',
        'dog\\my dog.png',
        './dog/my dog.png',
    ],
)
def test_images_by_paths_that_fit_one(write, name, read):
    path = write(f'image,class\n{name},dog\n')
    assert read(path) == {'dog/my dog.png': 'dog'}


def test_images_in_another_form_of_unicode(write, read, ids):
    path = write('image,class\n"e\u0301,""x"".jpg",dog\n')
    assert read(path) == {ids[-1]: 'dog'}


def test_absolute_paths_below_the_root_are_taken_by_the_letter(
    write, tmp_path, classes
):
    ids = ['1.jpg', 'cat/1.jpg']
    root = tmp_path / 'cat'
    path = write(f'image,class\n{root}/1.jpg,dog\n')
    (answer,) = read_answers(path, ids, classes, root=root)
    assert answer.image == '1.jpg'
    path = write(f'image,class\n{root}/other/1.jpg,dog\n')
    with pytest.raises(ValueError, match='is not among the 2 images'):
        read_answers(path, ids, classes, root=root)


def test_bytes_that_are_no_utf8(write, classes):
    name = b'\xff.jpg'.decode('utf-8', 'surrogateescape')
    path = write(b'image,class\n\xff.jpg,cat\n')
    answers = read_answers(path, [name], classes)
    assert [a.image for a in answers] == [name]
    write_answers(path, answers)
    assert list(read_answers(path, [name], classes)) == list(answers)


CELLS = st.text(
    st.characters(codec='utf-8', exclude_characters='\x00'), min_size=1
).filter(lambda name: name.strip())
NAMES = st.sampled_from(
    ['a,b', 'a"b', 'a\nb', 'a\r\nb', 'é', ' x ', "'", '=1']
)


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_written_answers_are_read_back(tmp_path_factory, data):
    ids = data.draw(
        st.lists(CELLS | NAMES, min_size=1, max_size=5, unique=True)
    )
    classes = data.draw(
        st.lists(CELLS | NAMES, min_size=1, max_size=3, unique=True)
    )
    given_answers = [
        Answer(
            name,
            data.draw(st.sampled_from([*classes, NONE, SKIP])),
            data.draw(st.floats(0, 1)),
            data.draw(CELLS),
        )
        for name in ids
    ]
    path = tmp_path_factory.mktemp('written') / 'answers.csv'
    write_answers(path, given_answers)
    assert list(read_answers(path, ids, classes)) == given_answers


def test_a_file_is_replaced_as_a_whole(write, monkeypatch):
    path = write('image,class\ncat/1.jpg,cat\n')
    before = path.read_text()
    with pytest.raises(ZeroDivisionError):
        write_answers(path, (Answer('a', 'b') for _ in [1 / 0]))
    assert path.read_text() == before


# -- mistakes ------------------------------------------------------------


def test_all_mistakes_are_named_at_once(write, problems_of, classes):
    path = write(
        'image,class,confidence\n'
        'cat/1.jpg,cat,1.5\n'
        'cat/1.jpg,Annual_Crop,\n'
        'cat/2.jpg,catt,high\n'
        'cow/9.jpg,dog,\n'
        '1.jpg,dog,\n'
        'dog/1.jpg,dog,\n'
        '"dog/my dog.png",,\n'
        'dog/1.jpg,cat,\n'
        'dog/1.jpg,cat\n'
        'dog/1.jpg,zebra,\n'
    )
    some = "'cat/1.jpg' or 'cat/2.jpg' or 'dog/1.jpg' or ..."
    number = (
        'is no number from 0 to 1; write 0.9 for 90 %, or nothing for sure'
    )
    found = problems_of(path)
    assert found == [
        f"labels.csv:2: confidence '1.5' {number}",
        "labels.csv:3: class 'Annual_Crop': did you mean 'annual crop'?",
        "labels.csv:4: class 'catt' is not among the classes; did you mean "
        "'cat'?",
        f"labels.csv:4: confidence 'high' {number}",
        f"labels.csv:5: image 'cow/9.jpg' is not among the 5 images; write "
        f'paths from the data root, as {some}',
        "labels.csv:6: image '1.jpg' may be 'cat/1.jpg' or 'dog/1.jpg'; "
        'write the path from the data root',
        "labels.csv:8: has no class; name one, or '(skip)', or delete the "
        'answer',
        'labels.csv:10: has 2 fields, the first line 3; quote names that hold '
        'the delimiter',
        "labels.csv:11: class 'zebra' is not among the 4 classes (cat, dog, "
        'annual crop, none); correct it, add it to them, or allow new names',
        "labels.csv:7 and labels.csv:9: image 'dog/1.jpg' is 'dog' and "
        "'cat', both from 'labels.csv'; keep one of them",
    ]


@pytest.mark.parametrize(
    'text, expected',
    [
        ('', 'labels.csv: is empty'),
        ('\n \n', 'labels.csv: is empty'),
        ('image,class\n', 'labels.csv: names columns and holds no answer'),
        ('image,label\na,b\n', "labels.csv:1: has no column 'class'"),
        ('a.jpg,cat\n', "labels.csv:1: has no column 'image'"),
        ('Image,class\na,b\n', "labels.csv:1: column 'Image': did you mean"),
        (
            'image,class,confidance\na,b,1\n',
            "labels.csv:1: column 'confidance': did you mean 'confidence'?",
        ),
        (
            'image,class,class\na,b,b\n',
            "labels.csv:1: column 'class' is there twice",
        ),
        ('PK\x03\x04', 'labels.csv: is a zip archive; unpack it'),
        ('[1, 2', 'labels.csv:1: is no JSON'),
        ('[1, 2]', 'labels.csv: is JSON of an unknown kind'),
        ('{"a": 1}\n{"image": 1}\n', "labels.csv:1: has no key 'image'"),
        ('{"image": "a"}\n', 'labels.csv: is JSON of an unknown kind'),
        (
            '{"image": "cat/1.jpg", "class": 3}\n',
            'labels.csv:1: image, class and annotator must be strings',
        ),
        (
            '{"image": "cat/1.jpg", "class": "cat"}\n{"image',
            'labels.csv:2: is no JSON',
        ),
        ('{"image": "x"}\n[1]\n', "labels.csv:1: has no key 'class'"),
        ('<a><b></a>', 'labels.csv:1: is no XML'),
        ('<html></html>', 'labels.csv: has no <image>'),
    ],
)
def test_other_mistakes(write, text, expected, problems_of):
    assert problems_of(write(text))[0].startswith(expected)


@pytest.mark.parametrize('confidence', ['-0.1', '1.01', 'nan', 'inf', '90%'])
def test_confidence(write, confidence, problems_of):
    path = write(f'image,class,confidence\ncat/1.jpg,cat,{confidence}\n')
    assert f'confidence {confidence!r} is no number' in problems_of(path)[0]


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no\.csv'):
        read_answers(tmp_path / 'no.csv', [], [])


def test_two_names_of_one_image(write, problems_of):
    path = write('image,class\na/cat/2.jpg,cat\nb/cat/2.jpg,cat\n')
    assert problems_of(path) == [
        "labels.csv:3: image 'b/cat/2.jpg' is taken for 'cat/2.jpg', and so "
        "is 'a/cat/2.jpg' (labels.csv:2); write the path from the data root"
    ]


def test_words_that_may_be_classes(write, problems_of, ids):
    path = write('image,class\ncat/1.jpg,skip\ncat/2.jpg,none of these\n')
    assert problems_of(path) == [
        "labels.csv:2: class 'skip': did you mean '(skip)'?",
        "labels.csv:3: class 'none of these': did you mean '(none of these)'?",
    ]
    answers = read_answers(path, ids, ['skip', 'none of these'])
    assert [a.class_name for a in answers] == ['skip', 'none of these']
    with pytest.raises(ValueError, match=r"class '\(skip\)' is a word"):
        read_answers(path, ids, ['(skip)'])


def test_new_classes(write, problems_of, ids, classes):
    path = write('image,class\ncat/1.jpg,cow\ncat/2.jpg,cow\ndog/1.jpg,Cow\n')
    assert problems_of(path, allow_new=True) == [
        "labels.csv:4: class 'Cow': did you mean 'cow'?"
    ]
    path = write('image,class\ncat/1.jpg,cow\ncat/2.jpg,cow\ndog/1.jpg,dog\n')
    answers = read_answers(path, ids, classes, allow_new=True)
    assert answers.new_classes(classes) == ['cow']


def test_a_wrong_root_is_found_out_in_seconds(write, classes):
    ids = [f'folder/{i}.jpg' for i in range(5000)]
    rows = ''.join(f'other/x{i}.jpeg,cat\n' for i in range(2000))
    with pytest.raises(ValueError) as error:
        read_answers(write(f'image,class\n{rows}'), ids, classes)
    assert len(error.value.problems) == 2000
