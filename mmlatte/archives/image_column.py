"""Which column of a table holds the images."""

import json
import os
from dataclasses import dataclass
from typing import Any

from mmlatte.decode_image.suffixes import IMAGE_SUFFIXES

__all__ = [
    'PATH_COLUMNS',
    'ImageColumn',
    'find_image_column',
    'row_name',
    'row_of',
]

#: Names of the image, where a table has several columns of images.
NAMES = ('image', 'img', 'jpg', 'jpeg', 'png', 'picture', 'photo')
#: Columns of files, in tables that list images.
PATH_COLUMNS = (
    *('image', 'path', 'file', 'filename', 'file_name', 'filepath'),
    *('image_path', 'img_path', 'url', 'uri'),
)
#: Digits of a row in the names of images; they sort like the rows.
DIGITS = 8


@dataclass(frozen=True)
class ImageColumn:
    """A column of images.

    Args:
        name (str): Of the column.
        nested (bool): Whether its values are structs of ``bytes`` and
            ``path``, as those of Hugging Face datasets, not plain bytes.
        has_path (bool): Whether there is such a path.
        others (tuple[str, ...]): Further columns of images.
    """

    name: str
    nested: bool
    has_path: bool
    others: tuple[str, ...]


def find_image_column(schema: Any, where: str) -> ImageColumn | None:
    """Choose by what ``datasets`` wrote about the columns, else by types.

    Args:
        schema (pyarrow.Schema): Of the table.
        where (str): The file, for an error.

    Returns:
        ImageColumn | None: None if there is no such column.

    Raises:
        ValueError: If there are several, and none has a usual name.
    """
    fields = {field.name: field.type for field in schema}
    declared = [name for name in _declared(schema) if name in fields]
    found = [
        name
        for name in declared or fields
        if _is_bytes(fields[name]) or _holds_bytes(fields[name])
    ]
    lists = any(
        name.lower() in PATH_COLUMNS and 'string' in str(kind)
        for name, kind in fields.items()
    )
    if lists and not declared:
        # Other bytes beside paths are hashes or the like.
        found = [
            name
            for name in found
            if name.lower() in NAMES or not _is_bytes(fields[name])
        ]
    if not found:
        return None
    usual = sorted(
        (NAMES.index(name.lower()), name)
        for name in found
        if name.lower() in NAMES
    )
    if len(found) > 1 and not usual:
        raise ValueError(
            f'{where} has {len(found)} columns of bytes, '
            f'{", ".join(map(repr, found))}: name that of the images '
            f'{NAMES[0]!r}'
        )
    name = usual[0][1] if usual else found[0]
    nested = not _is_bytes(fields[name])
    return ImageColumn(
        name,
        nested,
        nested and fields[name].get_field_index('path') >= 0,
        tuple(other for other in found if other != name),
    )


def row_name(row: int, path: str | None) -> str:
    """Return the name of an image; it ends as its path, where that is known.

    Examples:
        >>> row_name(17, 'forest/1.JPG'), row_name(18, None)
        ('00000017.jpg', '00000018.png')
    """
    suffix = os.path.splitext(path or '')[1].lower()
    if suffix not in IMAGE_SUFFIXES:
        # What "datasets" makes of pixels; readers look at the bytes.
        suffix = '.png'
    return f'{row:0{DIGITS}d}{suffix}'


def row_of(name: str, rows: int) -> int | None:
    """Return the row of a name, None if there is none.

    Examples:
        >>> row_of('00000017.jpg', 18), row_of('00000017.jpg', 17)
        (17, None)
    """
    number = name.partition('.')[0]
    if not number.isdecimal() or len(number) < DIGITS:
        return None
    return int(number) if int(number) < rows else None


def _declared(schema: Any) -> list[str]:
    """Return the columns that ``datasets`` calls images."""
    note = (schema.metadata or {}).get(b'huggingface')
    if note is None:
        return []
    features = json.loads(note).get('info', {}).get('features', {})
    return [
        name
        for name, kind in features.items()
        if isinstance(kind, dict) and kind.get('_type') == 'Image'
    ]


def _is_bytes(kind: Any) -> bool:
    return str(kind) in ('binary', 'large_binary', 'binary_view')


def _holds_bytes(kind: Any) -> bool:
    # Not a list of structs: those are several images a row.
    if not str(kind).startswith('struct<'):
        return False
    index = kind.get_field_index('bytes')
    return index >= 0 and _is_bytes(kind.field(index).type)
