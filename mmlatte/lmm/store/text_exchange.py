"""Texts in other programs' formats: JSONL, folders of txt files, Parquet."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from mmlatte.sample_key import encode_id

from .text_record import KINDS, TextRecord
from .text_store import TextStore

__all__ = ['export_jsonl', 'export_parquet', 'export_txt', 'import_jsonl']

Names = Mapping[str, str] | None

#: Records in one transaction of an import, and in one part of a Parquet file.
BATCH = 5000


def export_jsonl(
    store: TextStore, path: str | Path, names: Names = None
) -> int:
    """Write all records, failed ones included, one JSON object per line.

    Args:
        store (TextStore): The texts.
        path (str | Path): The file.
        names (Mapping[str, str], optional): What images are known by -> their
            ids: only their texts, under these ids. Defaults to every text,
            of images that were replaced as well.

    Returns:
        int: Number of records.
    """
    count = 0
    with Path(path).open('w', encoding='utf-8') as file:
        for record in _records(store, names):
            # ASCII: file names that are no UTF-8 survive as escapes.
            file.write(json.dumps(_plain(record)) + '\n')
            count += 1
    return count


def import_jsonl(store: TextStore, path: str | Path) -> int:
    """Store what :func:`export_jsonl` wrote.

    Returns:
        int: Number of records read.

    Raises:
        ValueError: If a line is malformed; earlier lines are stored.
    """
    count, batch = 0, []
    with Path(path).open(encoding='utf-8') as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                batch.append(_record(json.loads(line)))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f'{path}, line {number}: {error!r}') from None
            count += 1
            if len(batch) == BATCH:
                store.put(batch)
                batch = []
    store.put(batch)
    return count


def export_txt(
    store: TextStore, folder: str | Path, names: Names = None
) -> int:
    """Write accepted texts as ``<folder>/<kind>/<sample id>.txt``.

    The suffix of the image is replaced; ``TextFile(layout='nested')`` reads
    the folders. A second text of a sample goes to ``<kind>-2``, and so on.

    Args:
        store (TextStore): The texts.
        folder (str | Path): Empty, or not there.
        names (Mapping[str, str], optional): See `export_jsonl`.

    Returns:
        int: Number of texts.

    Raises:
        ValueError: If the folder is not empty, or a sample id would leave it.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f'{folder} is not empty')
    count = 0
    for record in _records(store, names):
        if record.status != 'ok':
            continue
        name = PurePosixPath(record.sample_id)
        if name.is_absolute() or '..' in name.parts:
            raise ValueError(f'sample id {record.sample_id!r} leaves {folder}')
        for path in _places(folder, record.kind, name.with_suffix('.txt')):
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(record.text, encoding='utf-8')
                count += 1
                break
    return count


def export_parquet(
    store: TextStore, path: str | Path, names: Names = None
) -> int:
    """Write all records as a Parquet file; needs pyarrow.

    ``sample_id`` is printable; ``sample_id_bytes`` is the name itself.

    Args:
        store (TextStore): The texts.
        path (str | Path): The file.
        names (Mapping[str, str], optional): See `export_jsonl`.

    Returns:
        int: Number of records.

    Raises:
        ImportError: If pyarrow is missing.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            'exporting Parquet needs pyarrow: pip install mmlatte[export]'
        ) from error
    schema = pyarrow.schema(
        [
            (name, pyarrow.binary() if 'bytes' in name else pyarrow.string())
            for name in (
                'sample_id',
                'sample_id_bytes',
                'image',
                'kind',
                'prompt',
                'group',
                'text',
                'status',
                'reason',
                'members',
                'model',
                'params',
            )
        ]
        + [('attempts', pyarrow.int32()), ('created', pyarrow.float64())]
    )
    count = 0
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for batch in _batches(_records(store, names)):
            rows = [_flat(record) for record in batch]
            writer.write_table(pyarrow.Table.from_pylist(rows, schema))
            count += len(rows)
    return count


def _records(store: TextStore, names: Names) -> Iterator[TextRecord]:
    for record in store.records():
        if names is None:
            yield record
        elif record.image in names:
            yield replace(record, sample_id=names[record.image])


def _places(folder: Path, kind: str, name: PurePosixPath) -> Iterator[Path]:
    yield folder / kind / os.fspath(name)
    number = 2
    while True:
        yield folder / f'{kind}-{number}' / os.fspath(name)
        number += 1


def _batches(records: Iterator[TextRecord]) -> Iterator[list[TextRecord]]:
    batch = []
    for record in records:
        batch.append(record)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _plain(record: TextRecord) -> dict:
    """A record as plain data; what was asked and the group apart."""
    prompt, group = record.asked
    return {
        'sample_id': record.sample_id,
        'image': record.image,
        'kind': record.kind,
        'prompt': prompt,
        'group': group,
        'text': record.text,
        'status': record.status,
        'reason': record.reason,
        'members': list(record.members),
        'model': record.model,
        'params': record.params,
        'attempts': record.attempts,
        'created': record.created,
    }


def _record(line: dict) -> TextRecord:
    fields = {**line, 'members': tuple(line.get('members', ()))}
    group = fields.pop('group', None)
    if group is not None:
        text = json.dumps(group, sort_keys=True)
        fields['prompt'] = f'{fields["prompt"]}\n{text}'
    for name in ('sample_id', 'kind', 'prompt', 'text'):
        if not isinstance(fields[name], str):
            raise ValueError(f'{name} must be a string')
    if fields['kind'] not in KINDS:
        raise ValueError(f'kind {fields["kind"]!r} is not one of {KINDS}')
    image = fields.get('image', '')
    if not re.fullmatch('[0-9a-f]{16}', image) and fields['kind'] != 'class':
        raise ValueError(
            f'image {image!r} is not the key that an export writes, without '
            'which no image gets this text; name the file as the path of '
            'mmlatte.TextFile instead: there the sample_id will do'
        )
    return TextRecord(**fields)


def _flat(record: TextRecord) -> dict:
    row = _plain(record)
    row['sample_id_bytes'] = encode_id(record.sample_id)
    row['sample_id'] = _printable(record.sample_id)
    row['group'] = json.dumps(row['group']) if row['group'] else None
    row['members'] = json.dumps(row['members'])
    row['params'] = json.dumps(row['params'], sort_keys=True)
    return row


def _printable(sample_id: str) -> str:
    return encode_id(sample_id).decode('utf-8', 'backslashreplace')
