"""Folders become classes by name where they can, else in sorted order."""

import pytest
from PIL import Image

from mmlatte.datasets import ClassFolder


@pytest.fixture
def folder(tmp_path):
    for name in ('Apple', 'blue_berry', 'cherry'):
        (tmp_path / name).mkdir()
        Image.new('RGB', (8, 8)).save(tmp_path / name / '1.png')
    return tmp_path


def labels(dataset) -> dict[str, str]:
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    classes = dataset.metainfo['classes']
    return {i['sample_id']: classes[i['gt_label']] for i in infos}


def test_names_decide_and_not_their_order(folder):
    names = ['cherry', 'apple', 'blue berry']
    dataset = ClassFolder(str(folder), metainfo=dict(classes=names))
    assert labels(dataset) == {
        'Apple/1.png': 'apple',
        'blue_berry/1.png': 'blue berry',
        'cherry/1.png': 'cherry',
    }


def test_breaks_and_case_of_names_do_not_count(folder):
    names = ['CHERRY', 'apple', 'BlueBerry']
    dataset = ClassFolder(str(folder), metainfo=dict(classes=names))
    assert labels(dataset)['blue_berry/1.png'] == 'BlueBerry'


def test_one_name_spelt_otherwise_is_refused_by_name(folder):
    names = ['apple', 'blueberries', 'cherry']
    words = r"folders \['blue_berry'\].*classes \['blueberries'\]"
    with pytest.raises(ValueError, match=words):
        ClassFolder(str(folder), metainfo=dict(classes=names))


def test_sorted_order_where_it_is_asked_for(folder):
    metainfo = dict(classes=['one', 'two', 'three'])
    dataset = ClassFolder(str(folder), metainfo=metainfo, by_name=False)
    assert labels(dataset)['cherry/1.png'] == 'three'
    metainfo = dict(classes=['one', 'two'])
    with pytest.raises(ValueError, match=r'has 2 names.*3 class folders'):
        ClassFolder(str(folder), metainfo=metainfo, by_name=False)


def test_classes_without_images_where_that_is_wished_for(folder):
    (folder / 'date').mkdir()
    names = ['elder', 'date', 'cherry', 'blue berry', 'apple']
    metainfo = dict(classes=names)
    with pytest.raises(ValueError, match=r"classes \['elder'\]"):
        ClassFolder(str(folder), metainfo=metainfo)
    dataset = ClassFolder(str(folder), metainfo=metainfo, partial=True)
    assert dataset.metainfo['classes'] == tuple(names)
    assert labels(dataset) == {
        'Apple/1.png': 'apple',
        'blue_berry/1.png': 'blue berry',
        'cherry/1.png': 'cherry',
    }
    with pytest.raises(FileNotFoundError, match="date' has no image"):
        ClassFolder(str(folder), metainfo=dict(classes=names[1:]))


def test_folders_that_are_no_class(folder):
    metainfo = dict(classes=['apple', 'cherry'])
    with pytest.raises(ValueError, match=r"folders \['blue_berry'\]"):
        ClassFolder(str(folder), metainfo=metainfo, partial=True)
    dataset = ClassFolder(
        str(folder), metainfo=metainfo, ignore=['blue_berry']
    )
    assert {*labels(dataset).values()} == {'apple', 'cherry'}


def test_characters_that_no_folder_can_have(folder):
    (folder / 'Ram C%2FV Van').mkdir()
    Image.new('RGB', (8, 8)).save(folder / 'Ram C%2FV Van' / '1.png')
    names = ['Ram C/V Van', 'apple', 'blue berry', 'cherry']
    dataset = ClassFolder(str(folder), metainfo=dict(classes=names))
    assert labels(dataset)['Ram C%2FV Van/1.png'] == 'Ram C/V Van'
    assert 'Ram C/V Van' in ClassFolder(str(folder)).metainfo['classes']


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match='holds no class folder'):
        ClassFolder(str(tmp_path))
