"""What FiftyOne exports: samples.json, or labels.json and data.json."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmlatte.datasets.answers.formats.raw_answer import RawAnswer
from mmlatte.datasets.answers.problems import Problems

__all__ = ['PREDICTIONS', 'read_fiftyone_labels', 'read_fiftyone_samples']

#: Field of a model's labels; read only if it is asked for by name.
PREDICTIONS = 'predictions'


def read_fiftyone_labels(
    path: Path, content: dict, images: dict | None, problems: Problems
) -> Iterator[RawAnswer]:
    """Yield the labels of a ``FiftyOneImageClassificationDataset``.

    Args:
        path (Path): For messages.
        content (dict): Of ``labels.json``.
        images (dict | None): Of ``data.json`` beside it: key to path.
        problems (Problems): Collects what is wrong.
    """
    if not any(content['labels'].values()) and 0 not in [
        *content['labels'].values()
    ]:
        problems.add(str(path), 'holds no label')
    classes = content.get('classes')
    for key, label in content['labels'].items():
        where = f'{path}: labels[{key!r}]'
        single = _single(label, where, problems)
        if single is None:
            continue
        confidence = None
        if isinstance(single, dict):
            confidence = single.get('confidence')
            single = single.get('label')
        if isinstance(single, int) and classes:
            if not 0 <= single < len(classes):
                problems.add(where, f'label {single} is not in "classes"')
                continue
            single = classes[single]
        if not isinstance(single, str):
            problems.add(where, f'label {single!r} is no class name')
            continue
        image = (images or {}).get(key)
        yield RawAnswer(
            where,
            _outside(key if image is None else image),
            single,
            confidence,
            form='stem' if image is None else 'path',
        )


def read_fiftyone_samples(
    path: Path, content: dict, field: str | None, problems: Problems
) -> Iterator[RawAnswer]:
    """Yield the labels of a ``FiftyOneDataset``, of one of its fields.

    Args:
        path (Path): For messages.
        content (dict): Of ``samples.json``.
        field (str | None): The field; None takes the only one.
        problems (Problems): Collects what is wrong.
    """
    samples = content['samples']
    found = sorted({name for s in samples for name in _label_fields(s)})
    usable = [name for name in found if name != PREDICTIONS]
    if field is None and len(usable) == 1:
        field = usable[0]
    if field not in found:
        problems.add(
            str(path),
            f'fields with one class an image: {found or "none"}; name the '
            'one to read',
        )
        return
    for number, sample in enumerate(samples):
        where = f'{path}: samples[{number}]'
        label = _single(sample.get(field), where, problems)
        if isinstance(label, dict) and label.get('label') is not None:
            yield RawAnswer(
                where,
                _outside(sample['filepath']),
                label['label'],
                label.get('confidence'),
            )


def _outside(path: str) -> str:
    """Return a path without the folder that an export copies images to."""
    return path.removeprefix('data/')


def _label_fields(sample: dict) -> list[str]:
    return [
        name
        for name, value in sample.items()
        if isinstance(value, dict)
        and value.get('_cls') in ('Classification', 'Classifications')
    ]


def _single(label: Any, where: str, problems: Problems) -> Any:
    """Return the only label of an image; None if it has none."""
    if isinstance(label, dict):
        label = label.get('classifications', label.get('labels', label))
    if not isinstance(label, list):
        return label
    if len(label) > 1:
        problems.add(where, f'has {len(label)} labels; keep one')
        return None
    return label[0] if label else None
