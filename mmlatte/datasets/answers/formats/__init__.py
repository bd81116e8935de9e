"""Files and folders that hold labels of images."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmlatte.datasets.answers.formats.class_folders import read_class_folders
from mmlatte.datasets.answers.formats.cvat import read_cvat
from mmlatte.datasets.answers.formats.fiftyone import (
    PREDICTIONS,
    read_fiftyone_labels,
    read_fiftyone_samples,
)
from mmlatte.datasets.answers.formats.label_studio import (
    SAMPLE_ID,
    read_label_studio,
    read_label_studio_min,
)
from mmlatte.datasets.answers.formats.raw_answer import RawAnswer
from mmlatte.datasets.answers.formats.table import (
    COLUMNS,
    read_jsonl,
    read_table,
    read_text,
)
from mmlatte.datasets.answers.image_names import ImageNames
from mmlatte.datasets.answers.problems import Problems

__all__ = ['COLUMNS', 'PREDICTIONS', 'SAMPLE_ID', 'RawAnswer', 'read_raw']

#: Files of an export; a folder with one of them is that export.
EXPORTS = ('annotations.xml', 'labels.json', 'samples.json')


def read_raw(
    path: Path,
    ids: Sequence[str],
    names: ImageNames,
    root: Path | None,
    field: str | None,
    problems: Problems,
) -> Iterator[RawAnswer]:
    """Yield the answers of a file or folder of any known format."""
    if path.is_dir():
        files = [path / name for name in EXPORTS if (path / name).is_file()]
        if not files:
            return read_class_folders(path, ids, names, root, problems)
        path = files[0]
    with path.open('rb') as file:
        start = file.read(4096).removeprefix(b'\xef\xbb\xbf').lstrip()
    if start.startswith(b'<'):
        return read_cvat(path, problems)
    if start.startswith((b'{', b'[')):
        return _read_json(path, field, problems)
    if start.startswith(b'PK\x03\x04'):
        problems.add(str(path), 'is a zip archive; unpack it')
    elif not start:
        problems.add(str(path), 'is empty; there is no answer in it')
    else:
        return read_table(path, problems)
    return iter(())


def _read_json(
    path: Path, field: str | None, problems: Problems
) -> Iterator[RawAnswer]:
    text = read_text(path)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        if text.lstrip().startswith('{'):
            return read_jsonl(path, problems)
        problems.add(f'{path}:{error.lineno}', f'is no JSON ({error.msg})')
        return iter(())
    if isinstance(content, dict):
        if isinstance(content.get('samples'), list):
            return read_fiftyone_samples(path, content, field, problems)
        if isinstance(content.get('labels'), dict):
            images = _beside(path)
            return read_fiftyone_labels(path, content, images, problems)
        if 'image' in content and 'class' in content:
            return read_jsonl(path, problems)
        content = [content]
    if content and all(_has(task, 'data') for task in content):
        return read_label_studio(path, content, field, problems)
    if content and all(_has(task, 'annotation_id') for task in content):
        return read_label_studio_min(path, content, field, problems)
    problems.add(
        str(path),
        'is JSON of an unknown kind; known are exports of Label Studio '
        '(JSON, JSON-MIN) and FiftyOne, and one object a line with the keys '
        'image and class',
    )
    return iter(())


def _has(task: Any, key: str) -> bool:
    return isinstance(task, dict) and key in task


def _beside(path: Path) -> dict | None:
    """Return the file that lists where a FiftyOne export's images are."""
    manifest = path.with_name('data.json')
    if not manifest.is_file():
        return None
    return json.loads(read_text(manifest))
