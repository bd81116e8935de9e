"""Label Studio's JSON exports, with one choice an image."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from mmlatte.datasets.answers.answer import SKIP
from mmlatte.datasets.answers.formats.fiftyone import PREDICTIONS
from mmlatte.datasets.answers.formats.raw_answer import RawAnswer
from mmlatte.datasets.answers.problems import Problems
from mmlatte.decode_image import IMAGE_SUFFIXES

__all__ = ['SAMPLE_ID', 'read_label_studio', 'read_label_studio_min']

#: Key of a task's data that our own tasks have: no need to read an address.
SAMPLE_ID = 'sample_id'

#: What JSON-MIN adds to a task's data and its choices.
MIN_KEYS = {
    'agreement',
    'annotation_id',
    'annotator',
    'created_at',
    'id',
    'lead_time',
    'updated_at',
}

UPLOAD = re.compile(r'(?:^|/)upload/\d+/[0-9a-f]{8}-([^/]+)$')


def read_label_studio(
    path: Path, tasks: list[dict], field: str | None, problems: Problems
) -> Iterator[RawAnswer]:
    """Yield the annotations of a full JSON export.

    A skipped task is a skip; a task without annotation, or with one in which
    nothing was chosen, is not answered. Predictions are a model's and are
    read only if ``field`` asks for them.

    Args:
        path (Path): For messages.
        tasks (list[dict]): The content.
        field (str | None): Name of the ``Choices``, if there are several, or
            ``'predictions'``.
        problems (Problems): Collects what is wrong.
    """
    found = 0
    for number, task in enumerate(tasks):
        where = f'{path}: task {task.get("id", number + 1)}'
        image = _image(task['data'], where, problems)
        if field == PREDICTIONS:
            given = task.get('predictions', ())
        else:
            given = task.get('annotations', task.get('completions', ()))
        for annotation in given:
            if not isinstance(annotation, dict):
                continue  # some exports list numbers of predictions
            name = _choice(annotation, field, where, problems)
            if name is None or image is None:
                continue
            found += 1
            yield RawAnswer(
                where,
                image[0],
                name,
                annotation.get('score'),  # predictions have one
                _annotator(annotation),
                form=image[1],
            )
    if not found:
        predicted = any(task.get('predictions') for task in tasks)
        problems.add(
            str(path),
            'has no annotation'
            + (
                ', only predictions of a model; to take them as answers, '
                f'name the field {PREDICTIONS!r}'
                if predicted and field != PREDICTIONS
                else '; label tasks and export again'
            ),
        )


def read_label_studio_min(
    path: Path, tasks: list[dict], field: str | None, problems: Problems
) -> Iterator[RawAnswer]:
    """Yield the annotations of a JSON-MIN export.

    Args:
        path (Path): For messages.
        tasks (list[dict]): The content.
        field (str | None): Name of the ``Choices``; None takes the only one.
        problems (Problems): Collects what is wrong.
    """
    key = _image_key([task.keys() for task in tasks], tasks[0])
    others = dict.fromkeys(name for task in tasks for name in task)
    choices = [
        name for name in others if name not in {*MIN_KEYS, SAMPLE_ID, key}
    ]
    if field is None and len(choices) == 1:
        field = choices[0]
    if field not in choices:
        problems.add(
            str(path),
            f'the choice may be any of {choices}; name the field to read, '
            "or export as 'JSON', which has it",
        )
        return
    for number, task in enumerate(tasks):
        where = f'{path}: task {task.get("id", number + 1)}'
        image = _image(task, where, problems, key)
        name = task.get(field)
        if name is None or image is None:
            continue
        if not isinstance(name, str):
            problems.add(
                where, f'{field!r} is {json.dumps(name)}, not one choice'
            )
            continue
        annotator = _person(task.get('annotator'))
        yield RawAnswer(
            where, image[0], name, annotator=annotator, form=image[1]
        )


def _choice(
    annotation: dict, field: str | None, where: str, problems: Problems
) -> str | None:
    if annotation.get('was_cancelled') or annotation.get('skipped'):
        return SKIP
    result = annotation.get('result') or []
    chosen = [
        (part['from_name'], part['value']['choices'])
        for part in result
        if part.get('type') == 'choices'
        and (field in (None, PREDICTIONS, part['from_name']))
    ]
    names = sorted({name for name, _ in chosen})
    if len(names) > 1:
        problems.add(where, f'has choices {names}; name the one to read')
    elif len(chosen) > 1 or any(len(choice) != 1 for _, choice in chosen):
        all_chosen = [name for _, choice in chosen for name in choice]
        problems.add(where, f'has not one choice but {all_chosen}; keep one')
    elif chosen:
        return chosen[0][1][0]
    elif result:
        types = sorted({str(part.get('type')) for part in result})
        problems.add(
            where, f'has {types} and no choice; answers are <Choices>'
        )
    return None


def _annotator(annotation: dict) -> str:
    if 'model_version' in annotation:
        return f'label-studio:{annotation["model_version"]}'
    return _person(annotation.get('completed_by'))


def _person(who: Any) -> str:
    if isinstance(who, dict):
        who = who.get('email', who.get('id'))
    return '' if who in (None, '') else f'label-studio:{who}'


def _image(
    data: dict, where: str, problems: Problems, key: str | None = None
) -> tuple[str, Literal['path', 'upload']] | None:
    """Return what a task's data holds about the image."""
    if SAMPLE_ID in data:
        return data[SAMPLE_ID], 'path'
    key = key or _image_key([data.keys()], data)
    address = data.get(key) if key else None
    if not isinstance(address, str) or address.startswith('data:'):
        problems.add(
            where,
            f'names no image; its data has {sorted(data)}, none of them an '
            'address or path of an image',
        )
        return None
    return _name_of(address)


def _image_key(keys: list, data: dict) -> str | None:
    """Return the key of the image in all of a task's data."""
    shared = [key for key in data if all(key in other for other in keys)]
    images = [
        key
        for key in shared
        if isinstance(data[key], str)
        and _name_of(data[key])[0].lower().endswith(IMAGE_SUFFIXES)
    ]
    if 'image' in shared and (len(images) != 1):
        return 'image'
    return images[0] if images else None


def _name_of(address: str) -> tuple[str, Literal['path', 'upload']]:
    """Return the image's path, or name, that an address holds."""
    parts = urlsplit(address)
    if parts.path.rstrip('/').endswith('/data/local-files'):
        values = parse_qs(parts.query).get('d', [''])
        return values[-1], 'path'
    # A plain path may hold '?', '#' and '%'; an address has them escaped.
    escaped = parts.scheme or '/data/upload/' in address
    path = unquote(parts.path) if escaped else address
    upload = UPLOAD.search(path)
    return (upload[1], 'upload') if upload else (path, 'path')
