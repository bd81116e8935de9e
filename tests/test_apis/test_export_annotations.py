"""What goes out to labelling tools comes back as answers."""

import csv
import json
import os
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from mmlatte.apis.export.annotations import (
    PredictedLabels,
    export_annotations,
    link_class_folders,
    write_fiftyone,
    write_label_studio,
)
from mmlatte.datasets.answers import (
    NONE,
    NONE_LABEL,
    AnswersError,
    read_answers,
)

TOOL = Path(__file__).parents[2] / 'tools' / 'export.py'
IDS = ['cat/1.jpg', 'dog/1.jpg', 'dog/1.png', 'é, "x" 100%+&?#.jpg']
CLASSES = ['cat', 'km/h, <fast>', '.dog']
LABELS = np.array([0, 1, NONE_LABEL, 2])
SCORES = np.array([0.875, 0.25, 0.125, 1.0], np.float32)


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


def predictions(path, rows):
    header = ('image', 'class', 'confidence', 'score', 'error')
    with path.open('w', newline='', errors='surrogateescape') as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture
def predicted(tmp_path, paths):
    """What tools/predict.py writes; one file was no image."""
    names = ['cat', 'km/h, <fast>', NONE, '.dog']
    rows = [
        (path, name, score, 1.0, '')
        for path, name, score in zip(paths, names, SCORES, strict=True)
    ]
    rows.append((str(tmp_path / 'my photos' / 'b.jpg'), '', '', '', 'bad'))
    return predictions(tmp_path / 'predictions.csv', rows)


def test_all_formats_of_the_tool_are_read_back(
    tmp_path, paths, predicted, run_script
):
    names = tmp_path / 'names.txt'
    names.write_text('\n'.join(CLASSES))
    root, out = tmp_path / 'my photos', tmp_path / 'out'
    done = run_script(
        *(TOOL, str(predicted), '--out', str(out), '--images', str(root)),
        *('--classes', str(names), '--to', 'label-studio', 'fiftyone'),
        'folders',
    )
    assert done.returncode == 0, done.stderr
    assert 'left out are 1 files' in done.stdout + done.stderr
    tasks = out / 'label-studio' / 'tasks.json'
    assert back(tasks, paths, field='predictions') == expected()
    labels = out / 'fiftyone' / 'labels.json'
    assert back(labels, paths, root, field='predictions') == expected()
    ones = np.ones(len(IDS))
    assert back(out / 'folders', paths, root) == expected(ones)


def test_a_folder_of_results_knows_images_and_classes(
    tmp_path, paths, predicted
):
    (tmp_path / 'config.py').write_text(
        f'model = dict(class_names={CLASSES!r})\n'
        'train_dataloader = dict(dataset=dict(data_root='
        f'{str(tmp_path / "my photos")!r}))\n'
    )
    found = PredictedLabels.of(tmp_path)
    assert found.ids == IDS and found.paths == paths
    assert found.classes == CLASSES
    assert found.labels.tolist() == LABELS.tolist()
    assert found.scores.tolist() == SCORES.tolist()


def test_without_a_list_the_predicted_classes_count(tmp_path, predicted):
    found = PredictedLabels.of(predicted, images=str(tmp_path / 'my photos'))
    assert found.classes == sorted(CLASSES)


def test_what_is_wrong_with_predictions_is_named(tmp_path, predicted):
    root = str(tmp_path / 'my photos')
    with pytest.raises(ValueError, match='name the folder of its images'):
        PredictedLabels.of(predicted)
    with pytest.raises(FileNotFoundError, match=r'no config\.py'):
        PredictedLabels.of(tmp_path)
    file = predictions(
        tmp_path / 'bad.csv',
        [
            ('/else/where.jpg', 'cat', 1, 1, ''),
            (f'{root}/cat/1.jpg', 'bird', 1, 1, ''),
            (f'{root}/cat/1.jpg', 'cat', 'high', 1, ''),
        ],
    )
    with pytest.raises(AnswersError) as error:
        PredictedLabels.of(file, root, CLASSES)
    text = str(error.value)
    assert "bad.csv:2: image '/else/where.jpg' is not in" in text
    assert "bad.csv:3: class 'bird' is none of" in text
    assert 'bad.csv:4: could not convert' in text


def test_nothing_is_overwritten(tmp_path, predicted):
    kept = tmp_path / 'out' / 'fiftyone' / 'labels.json'
    kept.parent.mkdir(parents=True)
    kept.write_text('mine')
    root = str(tmp_path / 'my photos')
    with pytest.raises(FileExistsError, match='name a new folder'):
        export_annotations(
            predicted, ['folders', 'fiftyone'], tmp_path / 'out', root
        )
    assert kept.read_text() == 'mine'
    assert not (tmp_path / 'out' / 'folders').exists()
    with pytest.raises(ValueError, match="format 'csv': choose from"):
        export_annotations(predicted, ['csv'], tmp_path / 'out', root)
