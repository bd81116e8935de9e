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


def test_other_names_are_taken_in_sorted_order(folder):
    names = ['one', 'two', 'three']
    dataset = ClassFolder(str(folder), metainfo=dict(classes=names))
    assert labels(dataset)['cherry/1.png'] == 'three'


def test_a_missing_folder_is_an_error(folder):
    with pytest.raises(ValueError, match='has 2 names'):
        ClassFolder(str(folder), metainfo=dict(classes=['one', 'two']))


def test_a_class_may_lack_its_folder_where_that_is_wished_for(folder):
    names = ['cherry', 'date', 'apple', 'blue berry']
    dataset = ClassFolder(
        str(folder), metainfo=dict(classes=names), partial=True
    )
    assert dataset.metainfo['classes'] == tuple(names)
    assert labels(dataset) == {
        'Apple/1.png': 'apple',
        'blue_berry/1.png': 'blue berry',
        'cherry/1.png': 'cherry',
    }
    with pytest.raises(ValueError, match='has 4 names'):
        ClassFolder(
            str(folder),
            metainfo=dict(classes=['cherry', 'date', 'apple', 'blueberry']),
            partial=True,
        )
