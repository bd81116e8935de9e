"""Rows of CSV files, written whole."""

import csv
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from mmlatte.atomic_file import atomic_file

__all__ = ['csv_line', 'write_rows']


def write_rows(path: str | os.PathLike, rows: Iterable[Sequence[str]]) -> None:
    """Replace a CSV file by these rows."""
    with atomic_file(Path(path).expanduser()) as file:
        for row in rows:
            file.write(csv_line(row))


def csv_line(row: Sequence[str]) -> bytes:
    """Return a line of CSV; names of files may hold bytes of any kind."""
    line = io.StringIO(newline='')
    csv.writer(line).writerow(row)
    return line.getvalue().encode('utf-8', 'surrogateescape')
