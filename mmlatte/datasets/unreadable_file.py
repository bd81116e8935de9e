"""Images that cannot be read, as a table."""

import csv
from collections.abc import Mapping
from pathlib import Path

from .csv_rows import write_rows

__all__ = ['read_unreadable', 'write_unreadable']

COLUMNS = ['image', 'reason']


def write_unreadable(path: str | Path, reasons: Mapping[str, str]) -> None:
    """Write ``image,reason``.

    Args:
        path (str | Path): The CSV file.
        reasons (Mapping[str, str]): Sample id -> why it cannot be read.
    """
    write_rows(path, [COLUMNS, *sorted(reasons.items())])


def read_unreadable(path: str | Path) -> dict[str, str]:
    """Read what `write_unreadable` wrote, or a person.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it has no column ``image``.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"leave_out='{path}', a list of images that are left out, does "
            'not exist'
        )
    with path.open(
        encoding='utf-8-sig', errors='surrogateescape', newline=''
    ) as file:
        rows = csv.DictReader(file)
        if 'image' not in (rows.fieldnames or ()):
            raise ValueError(f"'{path}' has no column 'image'")
        return {row['image']: row.get('reason') or '' for row in rows}
