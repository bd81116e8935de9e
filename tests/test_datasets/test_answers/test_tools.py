"""Exports of other tools, in the layout that these tools write."""

import json

import pytest

from mmlatte.datasets.answers import SKIP, Answer, read_answers

# -- Label Studio --------------------------------------------------------


def task(number: int, image: str, *annotations: dict, **more) -> dict:
    """Return a task as Label Studio's JSON export has it."""
    return {
        'id': number,
        'annotations': list(annotations),
        'file_upload': '1a2b3c4d-tasks.json',
        'drafts': [],
        'predictions': [],
        'data': {'image': image, 'note': 'seen'},
        'meta': {},
        'created_at': '2026-01-01T10:00:00.000000Z',
        'updated_at': '2026-01-01T10:00:05.000000Z',
        'project': 3,
        **more,
    }


def annotation(*choices: str, by=7, cancelled: bool = False) -> dict:
    return {
        'id': 41,
        'completed_by': by,
        'result': [
            {
                'id': 'xYz',
                'type': 'choices',
                'value': {'choices': list(choices)},
                'origin': 'manual',
                'to_name': 'image',
                'from_name': 'choice',
            }
        ]
        if choices
        else [],
        'was_cancelled': cancelled,
        'ground_truth': False,
        'created_at': '2026-01-01T10:00:05.000000Z',
        'lead_time': 3.2,
    }


ANN = {'id': 8, 'email': 'ann@example.com', 'first_name': ''}
ADDRESSES = {
    '/data/local-files/?d=photos/cat/1.jpg': 'cat/1.jpg',
    '/data/local-files/?d=dog/my%20dog.png': 'dog/my dog.png',
    'http://host:8080/data/local-files/?d=a/%C3%A9%2C%22x%22.jpg': 'é,"x".jpg',
    '/data/upload/3/1a2b3c4d-my_dog.png': 'dog/my dog.png',
    '/label-studio/data/upload/3/1a2b3c4d-%C3%A9x.jpg': 'é,"x".jpg',
    'https://host/bucket/dog/my%20dog.png?X-Amz-Date=1': 'dog/my dog.png',
    's3://bucket/photos/cat/2.jpg': 'cat/2.jpg',
    'cat/2.jpg': 'cat/2.jpg',
}


@pytest.mark.parametrize('address, image', ADDRESSES.items())
def test_addresses_of_label_studio(write, read, address, image):
    path = write(json.dumps([task(1, address, annotation('dog'))]))
    assert read(path) == {image: 'dog'}


def test_label_studio(write, ids, classes):
    tasks = [
        task(1, 'cat/1.jpg', annotation('cat'), annotation('dog', by=ANN)),
        task(2, 'cat/2.jpg', annotation(cancelled=True)),
        task(3, 'dog/1.jpg'),
        task(4, 'dog/1.jpg', annotation()),
        task(5, '/data/upload/3/1a2b3c4d-1.jpg', annotation('cat')),
    ]
    tasks[-1]['data']['sample_id'] = 'dog/1.jpg'
    path = write(json.dumps(tasks), 'export.json')
    assert list(read_answers(path, ids, classes)) == [
        Answer('cat/1.jpg', 'cat', source='label-studio:7'),
        Answer('cat/1.jpg', 'dog', source='label-studio:ann@example.com'),
        Answer('cat/2.jpg', SKIP, source='label-studio:7'),
        Answer('dog/1.jpg', 'cat', source='label-studio:7'),
    ]


def test_mistakes_in_label_studio(write, problems_of):
    box = annotation('cat')
    box['result'][0]['type'] = 'rectanglelabels'
    other = annotation('cat')
    other['result'] += [dict(other['result'][0], from_name='quality')]
    tasks = [
        task(1, 'cat/1.jpg', annotation('cat', 'dog')),
        task(2, 'cat/2.jpg', box),
        task(3, 'cat/2.jpg', other),
        task(4, 'cat/9.jpg', annotation('Cat')),
        task(5, 'data:image/png;base64,AAAA', annotation('cat')),
        task(6, 'dog/1.jpg', annotation('cat'), annotation('dog')),
        task(7, '/data/upload/3/1a2b3c4d-1.jpg', annotation('dog')),
    ]
    path = write(json.dumps(tasks))
    at = 'labels.csv: task'
    assert problems_of(path) == [
        f"{at} 1: has not one choice but ['cat', 'dog']; keep one",
        f"{at} 2: has ['rectanglelabels'] and no choice; answers are "
        '<Choices>',
        f"{at} 3: has choices ['choice', 'quality']; name the one to read",
        f"{at} 4: image 'cat/9.jpg' is not among the 5 images; did you mean "
        "'cat/2.jpg' or 'cat/1.jpg'?",
        f"{at} 4: class 'Cat': did you mean 'cat'?",
        f"{at} 5: names no image; its data has ['image', 'note'], none of "
        'them an address or path of an image',
        f"{at} 7: image '1.jpg' may be 'cat/1.jpg' or 'dog/1.jpg'; write the "
        'path from the data root',
        f"{at} 6 and labels.csv: task 6: image 'dog/1.jpg' is 'cat' and "
        "'dog', both from 'label-studio:7'; keep one of them",
    ]


def test_one_of_several_choices(write, read):
    both = annotation('cat')
    both['result'] += [
        dict(
            both['result'][0],
            from_name='quality',
            value={'choices': ['blurred']},
        )
    ]
    path = write(json.dumps([task(1, 'cat/1.jpg', both)]))
    assert read(path, field='choice') == {'cat/1.jpg': 'cat'}


def test_predictions_are_no_answers_unless_asked_for(write, read, problems_of):
    guess = {
        'model_version': 'm1',
        'score': 0.75,
        'result': annotation('dog')['result'],
    }
    path = write(json.dumps([task(1, 'cat/1.jpg', predictions=[guess])]))
    assert problems_of(path) == [
        'labels.csv: has no annotation, only predictions of a model; to take '
        "them as answers, name the field 'predictions'"
    ]
    assert read(path, field='predictions') == {'cat/1.jpg': 'dog'}
    path = write(json.dumps([task(1, 'cat/1.jpg', predictions=[17])]))
    assert 'has no annotation' in problems_of(path)[0]


def minimal(image: str, **more) -> dict:
    """Return what JSON-MIN has of an annotation."""
    return {
        'image': image,
        'id': 1,
        'annotator': 7,
        'annotation_id': 41,
        'created_at': '2026-01-01T10:00:05.000000Z',
        'updated_at': '2026-01-01T10:00:05.000000Z',
        'lead_time': 3.2,
        **more,
    }


def test_label_studio_json_min(write, ids, classes, problems_of):
    tasks = [
        minimal('/data/local-files/?d=x/cat/1.jpg', kind='cat'),
        minimal('cat/1.jpg', kind='dog', annotator='ann@example.com'),
        minimal('dog/1.jpg', annotator=None),  # nobody annotated it
    ]
    path = write(json.dumps(tasks))
    assert list(read_answers(path, ids, classes)) == [
        Answer('cat/1.jpg', 'cat', source='label-studio:7'),
        Answer('cat/1.jpg', 'dog', source='label-studio:ann@example.com'),
    ]
    tasks[0]['kind'] = {'choices': ['cat', 'dog']}
    assert problems_of(write(json.dumps(tasks)))[0] == (
        "labels.csv: task 1: 'kind' is "
        '{"choices": ["cat", "dog"]}, not one choice'
    )
    tasks[1]['note'] = 'blurred'
    assert (
        "any of ['kind', 'note']" in problems_of(write(json.dumps(tasks)))[0]
    )
    del tasks[0]
    assert (
        len(read_answers(write(json.dumps(tasks)), ids, classes, field='kind'))
        == 1
    )


# -- CVAT ----------------------------------------------------------------

CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <name>animals</name>
      <mode>annotation</mode>
      <labels>
        <label>
          <name>cat</name>
          <type>tag</type>
          <attributes></attributes>
        </label>
      </labels>
    </task>
  </meta>
  {}
</annotations>
"""
IMAGE = """<image id="0" name="{}" width="64" height="64">
    {}
  </image>"""
TAG = """<tag label="{}" source="{}">
      <attribute name="quality">good</attribute>
    </tag>"""
BOX = """<box label="cat" source="manual" occluded="0" xtl="1.00"
      ytl="1.00" xbr="2.00" ybr="2.00" z_order="0"></box>"""


def cvat(*images: tuple[str, str]) -> str:
    return CVAT.format('\n  '.join(IMAGE.format(*image) for image in images))


def test_cvat(tmp_path, write, ids, classes):
    text = cvat(
        ('photos/cat/1.jpg', BOX + TAG.format('cat', 'manual')),
        ('é,&quot;x&quot;.jpg', TAG.format('annual crop', 'auto')),
        ('dog/1.jpg', ''),
    )
    write(text, 'annotations.xml')
    expected = [
        Answer('cat/1.jpg', 'cat', source='task 1'),
        Answer('é,"x".jpg', 'annual crop', source='cvat:auto'),
    ]
    for path in (tmp_path, tmp_path / 'annotations.xml'):
        answers = read_answers(path, ids, classes, source='task 1')
        assert list(answers) == expected


def test_mistakes_in_cvat(write, problems_of):
    manual = TAG.format('cat', 'manual')
    text = cvat(
        ('cat/1.jpg', manual + TAG.format('dog', 'manual')),
        ('cat/2.jpg', TAG.format('CAT', 'manual')),
    )
    assert problems_of(write(text)) == [
        "labels.csv:20: image 'cat/1.jpg' has tag 'dog' and, in line 18, "
        "'cat'; keep one of them",
        "labels.csv:25: class 'CAT': did you mean 'cat'?",
    ]
    assert problems_of(write(cvat(('cat/1.jpg', BOX)))) == [
        'labels.csv: has no <tag> (1 <box>); answers are tags of whole images'
    ]
    video = CVAT.format('<track id="0" label="cat" source="manual"></track>')
    assert problems_of(write(video)) == [
        "labels.csv: has no <image>; export the task as 'CVAT for images 1.1'"
    ]


# -- FiftyOne ------------------------------------------------------------


def sample(path: str, **labels) -> dict:
    """Return a sample as FiftyOne's export has it."""
    return {
        '_id': {'$oid': '6b0b274593c52f388ef59181'},
        'filepath': path,
        'tags': [],
        'metadata': None,
        '_media_type': 'image',
        '_rand': 0.99,
        **{
            name: label
            and {
                '_id': {'$oid': '6b0b274593c52f388ef59182'},
                '_cls': 'Classification',
                'tags': [],
                **label,
            }
            for name, label in labels.items()
        },
    }


def test_fiftyone_samples(tmp_path, write, ids, classes, problems_of):
    both = {
        '_cls': 'Classifications',
        'classifications': [{'_cls': 'Classification', 'label': 'dog'}] * 2,
    }
    samples = [
        sample('data/cat/1.jpg', truth=dict(label='cat')),
        sample('/a/cat/2.jpg', truth=dict(label='dog', confidence=0.5)),
        sample('data/dog/1.jpg', truth=None),
        sample('data/dog/1.jpg', predictions=dict(label='dog')),
    ]
    write('{}', 'metadata.json')
    path = write(json.dumps(dict(samples=samples)), 'samples.json')
    expected = [Answer('cat/1.jpg', 'cat'), Answer('cat/2.jpg', 'dog', 0.5)]
    for given in (tmp_path, path):
        answers = read_answers(given, ids, classes, source='person')
        assert list(answers) == expected
    answers = read_answers(path, ids, classes, field='predictions')
    assert [a.image for a in answers] == ['dog/1.jpg']
    samples += [sample('data/cat/1.jpg', more=dict(label='cat'))]
    samples[0]['truth'] = both
    path = write(json.dumps(dict(samples=samples)), 'samples.json')
    assert problems_of(path)[0] == (
        "samples.json: fields with one class an image: ['more', "
        "'predictions', 'truth']; name the one to read"
    )
    assert problems_of(path, field='truth') == [
        'samples.json: samples[0]: has 2 labels; keep one'
    ]


def test_fiftyone_labels(write, ids, classes, problems_of):
    labels = {
        'cat/1': 0,
        'dog/my dog': {'label': 1, 'confidence': 0.5},
        '2': [{'label': 'dog'}],
        'dog/1': None,
        '/home/me/é,"x".jpg': 'cat',
    }
    path = write(json.dumps(dict(classes=['cat', 'dog'], labels=labels)))
    assert list(read_answers(path, ids, classes, source='person')) == [
        Answer('cat/1.jpg', 'cat'),
        Answer('dog/my dog.png', 'dog', 0.5),
        Answer('cat/2.jpg', 'dog'),
        Answer('é,"x".jpg', 'cat'),
    ]
    wrong = {'cat/1': 2, 'cat/2': [{'label': 'a'}, {'label': 'b'}], '1': 0}
    path = write(json.dumps(dict(classes=['cat', 'dog'], labels=wrong)))
    at = 'labels.csv: labels['
    assert problems_of(path) == [
        f'{at}\'cat/1\']: label 2 is not in "classes"',
        f"{at}'cat/2']: has 2 labels; keep one",
        f"{at}'1']: image '1' may be 'cat/1.jpg' or 'dog/1.jpg'; write the "
        'path from the data root',
    ]
    path = write(json.dumps(dict(classes=None, labels={'cat/1': None})))
    assert problems_of(path) == ['labels.csv: holds no label']


def test_fiftyone_labels_with_the_paths_beside_them(write, read):
    write(json.dumps({'7f3a': '/a/dog/1.jpg'}), 'data.json')
    labels = dict(classes=None, labels={'7f3a': 'dog'})
    assert read(write(json.dumps(labels), 'labels.json')) == {
        'dog/1.jpg': 'dog'
    }
