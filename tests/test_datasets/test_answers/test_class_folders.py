"""Folders of images, one per class: found by path and by content."""

import shutil

import pytest

from mmlatte.datasets.answers import NONE, AnswersError, read_answers

IDS = ['a/1.jpg', 'b/1.jpg', 'b/2.jpg', 'b/copy of 2.jpg']
CLASSES = ['cat', 'annual crop', 'km/h']


@pytest.fixture
def root(tmp_path):
    root = tmp_path / 'photos'
    for name in IDS:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name.replace('copy of ', ''))
    return root


@pytest.fixture
def put(tmp_path, root):
    """Copy an image to the folder of labels."""
    folder = tmp_path / 'labels'
    folder.mkdir()

    def copy(image: str, name: str):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / image, folder / name)
        return folder

    return copy


def found(folder, root) -> dict[str, str]:
    answers = read_answers(folder, IDS, CLASSES, root=root)
    assert {a.source for a in answers} == {'labels'}
    return {a.image: a.class_name for a in answers}


def problems(folder, root) -> list[str]:
    with pytest.raises(AnswersError) as error:
        found(folder, root)
    return [p.replace(f'{folder}/', '') for p in error.value.problems]


@pytest.mark.parametrize(
    'name', ['cat/1.jpg', 'cat/b/1.jpg', 'cat/x.jpg', 'cat/sub/y.PNG']
)
def test_by_content_whatever_the_name(root, put, name):
    assert found(put('b/1.jpg', name), root) == {'b/1.jpg': 'cat'}


def test_by_name_among_the_same_content(root, put):
    assert found(put('b/2.jpg', 'cat/2.jpg'), root) == {'b/2.jpg': 'cat'}
    assert problems(put('b/2.jpg', 'cat/x.jpg'), root) == [
        "cat/x.jpg: the images ['b/2.jpg', 'b/copy of 2.jpg'] have the same "
        'content; name the file as one of them'
    ]


def test_a_name_is_not_enough(root, put):
    folder = put('b/1.jpg', 'cat/b/1.jpg')
    (folder / 'cat/b/1.jpg').write_text('another')
    assert problems(folder, root) == [
        f"cat/b/1.jpg: is none of the 4 images of '{root}', by path and "
        'content; if it is a changed copy, list it in a file with the columns '
        'image,class'
    ]
    assert found(folder, None) == {'b/1.jpg': 'cat'}


def test_names_alone(put):
    assert problems(put('a/1.jpg', 'cat/1.jpg'), None) == [
        "cat/1.jpg: image '1.jpg' may be 'a/1.jpg' or 'b/1.jpg'; write the "
        'path from the data root'
    ]


def test_the_data_root_may_hold_the_class_folders(tmp_path):
    (tmp_path / 'cat').mkdir()
    (tmp_path / 'cat' / '1.jpg').write_text('x')
    answers = read_answers(tmp_path, ['cat/1.jpg'], CLASSES, root=tmp_path)
    assert [a.class_name for a in answers] == ['cat']


def test_names_of_folders(root, put):
    put('a/1.jpg', 'Annual_Crop/1.jpg')
    put('b/1.jpg', 'km%2Fh/1.jpg')
    folder = put('b/2.jpg', f'{NONE}/2.jpg')
    assert found(folder, root) == {
        'a/1.jpg': 'annual crop',
        'b/1.jpg': 'km/h',
        'b/2.jpg': NONE,
    }


def test_mistakes(root, put):
    assert 'holds no image' in problems(put('a/1.jpg', 'cat/1.txt'), root)[0]
    put('a/1.jpg', '1.jpg')
    put('b/1.jpg', 'dgo/1.jpg')
    put('b/2.jpg', 'cat/2.jpg')
    folder = put('b/2.jpg', 'km%2Fh/2.jpg')
    assert problems(folder, root) == [
        '1.jpg: is in no class folder; move it into the one of its class',
        "dgo/1.jpg: class 'dgo' is not among the 3 classes (cat, annual "
        'crop, km/h); correct it, add it to them, or allow new names',
        "cat/2.jpg and km%2Fh/2.jpg: image 'b/2.jpg' is 'cat' and 'km/h', "
        "both from 'labels'; keep one of them",
    ]
