"""Tasks for Label Studio, each with a prediction to correct."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import numpy as np

from mmlatte.atomic_file import atomic_file
from mmlatte.datasets.answers.answer import NONE
from mmlatte.datasets.answers.answer_arrays import NONE_LABEL
from mmlatte.datasets.answers.formats import SAMPLE_ID

__all__ = ['write_label_studio']


def write_label_studio(
    folder: str | os.PathLike,
    ids: Sequence[str],
    paths: Sequence[str],
    class_names: Sequence[str],
    labels: np.ndarray,
    scores: np.ndarray,
    document_root: str | os.PathLike | None = None,
    model: str = 'mmlatte',
) -> None:
    """Write ``tasks.json``, to import, and ``labeling_config.xml``.

    Label Studio shows images of a local storage, which lies below its
    ``LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT``. Its button "Skip" is a skip,
    and ``(none of these)`` is one of the choices.

    Args:
        folder (str | os.PathLike): Where to write; is created.
        ids (Sequence[str]): Ids of the N images.
        paths (Sequence[str]): Their files.
        class_names (Sequence[str]): Names of the C classes.
        labels (np.ndarray): int (N,), predicted classes, ``NONE_LABEL`` for
            none of them.
        scores (np.ndarray): float (N,), confidences.
        document_root (str | os.PathLike, optional): The document root.
            Defaults to the folder that holds the data root.
        model (str): Version of the model. Defaults to 'mmlatte'.
    """
    folder = Path(folder).expanduser()
    choices = [*class_names, NONE]
    with atomic_file(folder / 'labeling_config.xml') as file:
        file.write(_config(choices))
    with atomic_file(folder / 'tasks.json') as file:
        separator = b'[\n'
        for name, path, label, score in zip(
            ids, paths, labels, scores, strict=True
        ):
            top = document_root or _root(path, name).parent
            task = _task(
                name,
                os.path.relpath(os.path.abspath(path), top),
                NONE if label == NONE_LABEL else class_names[label],
                float(score),
                model,
            )
            file.write(separator + json.dumps(task).encode())
            separator = b',\n'
        file.write(b'[]\n' if separator == b'[\n' else b'\n]\n')


def _task(name: str, path: str, choice: str, score: float, model: str) -> dict:
    address = quote(os.fsencode(path.replace(os.sep, '/')))
    return {
        'data': {
            'image': f'/data/local-files/?d={address}',
            SAMPLE_ID: name,
        },
        'predictions': [
            {
                'model_version': model,
                'score': score,
                'result': [
                    {
                        'from_name': 'choice',
                        'to_name': 'image',
                        'type': 'choices',
                        'value': {'choices': [choice]},
                    }
                ],
            }
        ],
    }


def _config(choices: Sequence[str]) -> bytes:
    view = ElementTree.Element('View')
    ElementTree.SubElement(view, 'Image', name='image', value='$image')
    group = ElementTree.SubElement(
        view, 'Choices', name='choice', toName='image', choice='single'
    )
    for name in choices:
        ElementTree.SubElement(group, 'Choice', value=name)
    ElementTree.indent(view)
    return ElementTree.tostring(view, 'utf-8') + b'\n'


def _root(path: str, name: str) -> Path:
    """Return the data root of an image."""
    return Path(os.path.abspath(path)).parents[name.count('/')]
