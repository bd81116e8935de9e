"""Class names from files as people have them: text, CSV, JSON, YAML."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

__all__ = ['FILE_SUFFIXES', 'decode_text', 'read_class_file', 'table_rows']

FILE_SUFFIXES = ('.txt', '.csv', '.tsv', '.json', '.yaml', '.yml')
#: Columns and keys that hold a class, and what is said about it.
NAME_KEYS = (
    *('class', 'name', 'label', 'class_name', 'category'),
    *('classes', 'names', 'labels', 'class_names', 'categories'),
)
TEXT_KEYS = ('description', 'descriptions', 'text', 'sentence')
#: Keys of files that hold more than classes (YOLO, COCO, datasets' cards).
LIST_KEYS = ('names', 'classes', 'class_names', 'categories', 'label2id')
BOMS = {
    b'\xef\xbb\xbf': 'utf-8-sig',
    b'\xff\xfe\x00\x00': 'utf-32',
    b'\x00\x00\xfe\xff': 'utf-32',
    b'\xff\xfe': 'utf-16',
    b'\xfe\xff': 'utf-16',
}

#: A class as written, and the sentences about it.
Entry = tuple[str, list[str]]


def read_class_file(path: str | Path) -> list[Entry]:
    """Return the classes of a file, in its order, with what is said of them.

    * Text: one name a line.
    * CSV, TSV: a column ``class`` (or ``name``, ``label``), maybe one
      ``description``; or a single column without a header.
    * JSON, YAML: a list of names or of such rows, ``{name: description}``,
      ``{name: [sentence, ...]}``, ``{name: number}``, ``{number: name}``; or
      one of these under ``names``, ``classes`` or ``categories``.

    Args:
        path (str | Path): UTF-8, or UTF-16 with its byte order mark.

    Raises:
        ValueError: If it is in no such form; names the file and the remedy.
    """
    path = Path(path)
    where = f"class file '{path}'"
    text = decode_text(path.read_bytes(), where)
    suffix = path.suffix.lower()
    looks_json = text.lstrip().startswith(('[', '{'))
    if suffix == '.json' or (suffix != '.csv' and looks_json):
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            if suffix == '.json':
                raise ValueError(f'{where} is no JSON: {error}') from None
        else:
            return _from_data(data, where)
    if suffix in ('.yaml', '.yml'):
        try:
            return _from_data(yaml.safe_load(text), where)
        except yaml.YAMLError as error:
            raise ValueError(f'{where} is no YAML: {error}') from None
    if suffix in ('.csv', '.tsv'):
        return _from_table(text, where)
    return [(line.strip(), []) for line in text.splitlines() if line.strip()]


def decode_text(raw: bytes, where: str) -> str:
    """Decode UTF-8, or what its byte order mark says.

    Args:
        raw (bytes): Content of a file.
        where (str): What to call it in an error.

    Raises:
        ValueError: If it is neither; says where, and how to save it.
    """
    codec = next((c for bom, c in BOMS.items() if raw.startswith(bom)), None)
    try:
        text = raw.decode(codec or 'utf-8')
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b'\n') + 1
        raise ValueError(
            f'{where} is no UTF-8 (line {line}, byte '
            f'0x{raw[error.start]:02x}; it may be Windows-1252). Save it as '
            'UTF-8: in an editor by "Save as", encoding UTF-8, or `iconv -f '
            'WINDOWS-1252 -t UTF-8 OLD > NEW`.'
        ) from None
    if '\x00' in text:
        raise ValueError(
            f'{where} holds zero bytes, as UTF-16 without a byte order mark '
            'does. Save it as UTF-8.'
        )
    return text


def table_rows(text: str, where: str) -> list[list[str]]:
    """Return the rows of a CSV with any of the usual delimiters.

    Args:
        text (str): Content of the file.
        where (str): What to call it in an error.

    Returns:
        list[list[str]]: Those that are not blank, the header with them; all
        as long as the first.

    Raises:
        ValueError: If a row has more cells than the first.
    """
    first = text.split('\n', 1)[0]
    delimiter = max(',;\t', key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    rows: list[list[str]] = []
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        width = len(rows[0]) if rows else len(row)
        if len(row) > width:
            raise ValueError(
                f'{where}, line {reader.line_num}, has {len(row)} fields, the '
                f'first line {width}; quote names that hold the delimiter'
            )
        rows.append(row + [''] * (width - len(row)))
    return rows


def _from_data(data, where: str) -> list[Entry]:
    """Read lists and mappings."""
    if isinstance(data, Mapping):
        for key in LIST_KEYS:
            if isinstance(data.get(key), (list, Mapping)):
                return _from_data(data[key], where)
        keys, values = list(data), list(data.values())
        if values and all(type(v) is int for v in values):
            keys = sorted(keys, key=data.__getitem__)
            return [(_name(key, where), []) for key in keys]
        numbers = [str(key).isdecimal() for key in keys]
        if any(numbers):
            if not all(numbers):
                raise ValueError(
                    f'{where} mixes numbers and names as keys: write '
                    '{name: description} or {number: name}'
                )
            rows = sorted(data.items(), key=lambda item: int(item[0]))
            return [(_name(value, where), []) for _, value in rows]
        # {name: number} of programs that write every value as a text.
        if values and all(
            isinstance(v, str) and v.isdecimal() for v in values
        ):
            keys = sorted(keys, key=lambda key: int(data[key]))
            return [(_name(key, where), []) for key in keys]
        return [
            (_name(key, where), _sentences(key, value, where))
            for key, value in data.items()
        ]
    if isinstance(data, list):
        return [
            _from_row(row, where)
            if isinstance(row, Mapping)
            else (_name(row, where), [])
            for row in data
        ]
    raise ValueError(
        f'{where} must hold a list of names or {{name: description}}, not a '
        f'{type(data).__name__}'
    )


def _from_row(row: Mapping, where: str) -> Entry:
    """Read ``{'name': ..., 'description': ...}``."""
    by_key = {_plain(key): row[key] for key in row}
    for key in NAME_KEYS:
        if key in by_key:
            name = _name(by_key[key], where)
            texts = [by_key[key] for key in TEXT_KEYS if by_key.get(key)]
            return name, [
                sentence
                for text in texts
                for sentence in _sentences(name, text, where)
            ]
    raise ValueError(
        f'{where}: an entry has the keys {[*row]}, and none of '
        f'{", ".join(NAME_KEYS)}, which would name a class'
    )


def _from_table(text: str, where: str) -> list[Entry]:
    """Read a CSV: columns that the first line names, or a single one."""
    header, *body = table_rows(text, where) or [[]]
    named = {key for key in header if _plain(key) in NAME_KEYS}
    if named:
        rows = [dict(zip(header, row, strict=True)) for row in body]
        numbers = {
            key
            for key in named
            if all(row[key].strip().isdecimal() for row in rows)
        }
        # `label,class_name`: the numbers are no names.
        left_out = numbers if numbers != named else set()
        return [
            _from_row({k: row[k] for k in header if k not in left_out}, where)
            for row in rows
        ]
    if len(header) > 1:
        raise ValueError(
            f'{where} has {len(header)} columns, {header}, and none is called '
            f'{", ".join(NAME_KEYS)}: name the columns in the first line '
            '(class,description), or keep one column of names'
        )
    return [(row[0].strip(), []) for row in (header, *body) if row]


def _plain(key) -> str:
    """Return a key or the head of a column as the lists above spell it."""
    return '_'.join(str(key).lower().split())


def _name(value, where: str) -> str:
    if not isinstance(value, str):
        raise ValueError(
            f'{where}: {value!r} is no text, but a {type(value).__name__}: '
            'put class names in quotes'
        )
    return value.strip()


def _sentences(name, value, where: str) -> list[str]:
    """Texts about a class; none for an empty value."""
    values = value if isinstance(value, Sequence) else [value]
    values = [value] if isinstance(value, str) else values
    if value is None:
        return []
    if not all(isinstance(text, str) for text in values):
        raise ValueError(
            f'{where}: what is said about {name!r} must be a text or a list '
            f'of texts, not {value!r}'
        )
    return [text.strip() for text in values if text.strip()]
