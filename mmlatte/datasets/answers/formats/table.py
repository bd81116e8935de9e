"""CSV, TSV and JSONL: one answer a line."""

import csv
import difflib
import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from mmengine.logging import print_log

from mmlatte.datasets.answers.formats.raw_answer import RawAnswer
from mmlatte.datasets.answers.problems import Problems

__all__ = ['COLUMNS', 'read_jsonl', 'read_table', 'records', 'whole_records']

#: The first two are needed.
COLUMNS = ('image', 'class', 'confidence', 'annotator', 'when')

#: A time as :class:`AnswersFile` writes it, or a person; no beginning of it
#: looks like it.
TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z')


def read_text(path: Path) -> str:
    """Return the text of a file; names of files may be no UTF-8."""
    raw = path.read_bytes()
    if raw.startswith((b'\xff\xfe', b'\xfe\xff')):
        return raw.decode('utf-16')  # what spreadsheets call "Unicode text"
    return raw.decode('utf-8', 'surrogateescape').removeprefix('\ufeff')


def read_table(path: Path, problems: Problems) -> Iterator[RawAnswer]:
    """Yield the answers of a CSV (comma or semicolon) or TSV file."""
    text = read_text(path)
    rows = records(text, _delimiter(text))
    line, header = next(rows, (1, []))
    columns = _columns(f'{path}:{line}', header, problems)
    if columns is None:
        return
    body, torn = whole_records(text, header, list(rows))
    if torn:
        print_log(
            f'{path}: its last line, {torn}, was never finished (its writer '
            'was killed) and is left out',
            'current',
            level=logging.WARNING,
        )
    if not body and header[-1] != 'when':
        problems.add(str(path), 'names columns and holds no answer')
    for line, row in body:
        where = f'{path}:{line}'
        if len(row) != len(header):
            problems.add(
                where,
                f'has {len(row)} fields, the first line {len(header)}; quote '
                'names that hold the delimiter',
            )
            continue
        cells = {name: row[column] for name, column in columns.items()}
        yield RawAnswer(
            where,
            image=cells['image'],
            class_name=cells['class'],
            confidence=cells.get('confidence'),
            annotator=cells.get('annotator', ''),
            when=cells.get('when', ''),
        )


def read_jsonl(path: Path, problems: Problems) -> Iterator[RawAnswer]:
    """Yield the answers of a file with one JSON object a line."""
    for number, line in enumerate(read_text(path).split('\n'), start=1):
        if not line.strip():
            continue
        where = f'{path}:{number}'
        try:
            found = json.loads(line)
        except json.JSONDecodeError as error:
            problems.add(where, f'is no JSON ({error}); mend the line')
            continue
        if not isinstance(found, dict):
            problems.add(where, 'is no JSON object; write {"image": ...}')
            continue
        missing = [repr(key) for key in COLUMNS[:2] if key not in found]
        texts = [found.get(key, '') for key in COLUMNS if key != 'confidence']
        if missing:
            problems.add(where, f'has no key {" and no key ".join(missing)}')
        elif not all(isinstance(text, str) for text in texts):
            problems.add(where, 'image, class and annotator must be strings')
        else:
            image, name, annotator, when = texts
            yield RawAnswer(
                where, image, name, found.get('confidence'), annotator, when
            )


def records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the first line, and the fields, of each record."""
    reader = csv.reader(io.StringIO(text, newline=''), delimiter=delimiter)
    start = 1
    for row in reader:
        if row:
            yield start, row
        start = reader.line_num + 1


def whole_records(
    text: str, header: list[str], rows: list[tuple[int, list[str]]]
) -> tuple[list[tuple[int, list[str]]], list[str] | None]:
    """Part the last record from the others if its writer was killed.

    Only files that :class:`AnswersFile` writes have such a record: their
    last column is a time, so that a line that ends early shows.

    Returns:
        tuple: The whole records, and the fields of the other or None.
    """
    if not rows or header[-1:] != ['when']:
        return rows, None
    last = rows[-1][1]
    ended = text.endswith(('\n', '\r')) or TIME.fullmatch(last[-1])
    if len(last) >= len(header) and ended:
        return rows, None
    return rows[:-1], last


def _delimiter(text: str) -> str:
    """Return the delimiter by which the first line names the columns."""

    def known(delimiter: str) -> tuple[int, int]:
        header = next(records(text, delimiter), (1, []))[1]
        return len({*map(str.strip, header)} & {*COLUMNS}), len(header)

    return max(',\t;', key=known)


def _columns(
    where: str, header: list[str], problems: Problems
) -> dict[str, int] | None:
    """Return the number of each known column; None if one is missing."""
    names = [name.strip() for name in header]
    found = {name: names.index(name) for name in COLUMNS if name in names}
    for name in found:
        if names.count(name) > 1:
            problems.add(where, f'column {name!r} is there twice')
    for name in COLUMNS:
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.8)
        close += [other for other in names if other.lower() == name]
        if name not in found and close:
            problems.add(where, f'column {close[0]!r}: did you mean {name!r}?')
    missing = [name for name in COLUMNS[:2] if name not in found]
    for name in missing:
        problems.add(
            where,
            f'has no column {name!r}; the columns are {names}. The first '
            'line must name them: image,class[,confidence][,annotator]',
        )
    return None if missing else found
