"""What goes out to labelling tools comes back as answers."""

import json
import os
from xml.etree import ElementTree

import numpy as np
import pytest

from mmlatte.apis.export.annotations import (
    link_class_folders,
    write_fiftyone,
    write_label_studio,
)
from mmlatte.datasets.answers import NONE, NONE_LABEL, read_answers

IDS = ['cat/1.jpg', 'dog/1.jpg', 'dog/1.png', 'é, "x" 100%+&?#.jpg']
CLASSES = ['cat', 'km/h, <fast>', '.dog']
LABELS = np.array([0, 1, NONE_LABEL, 2])
SCORES = np.array([0.9, 0.25, 0.125, 1.0], np.float32)


@pytest.fixture
def paths(tmp_path):
    paths = [tmp_path / 'my photos' / name for name in IDS]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(path))
    return [str(path) for path in paths]


def back(path, paths, root=None, **kwargs):
    answers = read_answers(path, IDS, CLASSES, root=root, **kwargs)
    return {a.image: (a.class_name, a.confidence) for a in answers}


def expected(scores=SCORES) -> dict:
    names = ['cat', 'km/h, <fast>', NONE, '.dog']
    return dict(
        zip(IDS, zip(names, map(float, scores), strict=True), strict=True)
    )


def test_label_studio(tmp_path, paths):
    write_label_studio(tmp_path, IDS, paths, CLASSES, LABELS, SCORES)
    tasks = json.loads((tmp_path / 'tasks.json').read_text())
    assert tasks[0] == {
        'data': {
            'image': '/data/local-files/?d=my%20photos/cat/1.jpg',
            'sample_id': 'cat/1.jpg',
        },
        'predictions': [
            {
                'model_version': 'mmlatte',
                'score': float(SCORES[0]),
                'result': [
                    {
                        'from_name': 'choice',
                        'to_name': 'image',
                        'type': 'choices',
                        'value': {'choices': ['cat']},
                    }
                ],
            }
        ],
    }
    path = tmp_path / 'tasks.json'
    assert back(path, paths, field='predictions') == expected()
    # The addresses tell the images, too.
    for task in tasks:
        del task['data']['sample_id']
    path.write_text(json.dumps(tasks))
    assert back(path, paths, field='predictions') == expected()


def test_the_labelling_config(tmp_path, paths):
    write_label_studio(tmp_path, IDS, paths, CLASSES, LABELS, SCORES)
    view = ElementTree.parse(tmp_path / 'labeling_config.xml').getroot()
    names = [choice.get('value') for choice in view.iter('Choice')]
    assert names == [*CLASSES, NONE]
    assert view.find('Choices').get('choice') == 'single'


def test_label_studio_below_another_document_root(tmp_path, paths):
    write_label_studio(
        tmp_path, IDS, paths, CLASSES, LABELS, SCORES, tmp_path.parent
    )
    task = json.loads((tmp_path / 'tasks.json').read_text())[0]
    assert task['data']['image'] == (
        f'/data/local-files/?d={tmp_path.name}/my%20photos/cat/1.jpg'
    )


def test_no_image(tmp_path):
    write_label_studio(tmp_path, [], [], CLASSES, LABELS[:0], SCORES[:0])
    assert json.loads((tmp_path / 'tasks.json').read_text()) == []


def test_fiftyone(tmp_path, paths):
    folder = tmp_path / 'out'
    write_fiftyone(folder, IDS, paths, CLASSES, LABELS, SCORES)
    content = json.loads((folder / 'labels.json').read_text())
    assert content['classes'] == [*CLASSES, NONE]
    assert content['labels'][paths[2]] == {'label': 3, 'confidence': 0.125}
    assert back(folder, paths) == expected()


def test_class_folders(tmp_path, paths):
    folder = tmp_path / 'out'
    link_class_folders(folder, IDS, paths, CLASSES, LABELS, SCORES)
    assert os.readlink(folder / 'cat' / 'cat' / '1.jpg') == paths[0]
    assert back(folder, paths) == expected(np.ones(4))
    root = tmp_path / 'my photos'
    assert back(folder, paths, root) == expected(np.ones(4))
    with pytest.raises(FileExistsError, match='name a new folder'):
        link_class_folders(folder, IDS, paths, CLASSES, LABELS, SCORES)


def test_a_corrected_link_is_a_corrected_answer(tmp_path, paths):
    folder = tmp_path / 'out'
    link_class_folders(folder, IDS, paths, CLASSES, LABELS, SCORES)
    (folder / '%2Edog' / IDS[3]).rename(folder / 'cat' / 'moved.jpg')
    root = tmp_path / 'my photos'
    assert back(folder, paths, root)[IDS[3]] == ('cat', 1)
