"""Images that a file lists: CSV, TSV, Parquet, or a path a line."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np

from mmlatte.archives import archive_files, is_archive
from mmlatte.archives.image_column import PATH_COLUMNS

from .class_file import decode_text, table_rows
from .sample_index import SampleIndex, file_sizes

__all__ = ['ListedIndex', 'image_root', 'is_image_list', 'read_image_list']

LIST_SUFFIXES = ('.csv', '.tsv', '.txt', '.parquet')
ID_COLUMNS = ('id', 'image_id', 'sample_id')


class ListedIndex(SampleIndex):
    """Samples whose ids say nothing about where their files are.

    Args:
        folder (str): Folder of the list.
        names (Sequence[str]): Ids of the N samples.
        files (Sequence[str]): Their files, absolute.
    """

    def __init__(
        self, folder: str, names: Sequence[str], files: Sequence[str]
    ) -> None:
        self._rows = np.zeros(0, np.int64)
        # Labels are ordered like the ids: here they are numbers of files.
        super().__init__(folder, names, np.arange(len(names)))
        assert self.labels is not None
        self._rows, self.labels = self.labels.astype(np.int64), None
        self._files = list(files)

    def _select(self, rows: np.ndarray | slice) -> None:
        super()._select(rows)
        if len(self._rows):
            self._rows = self._rows[rows]

    def __getitem__(self, row):
        found = super().__getitem__(row)
        if isinstance(row, slice):
            return found
        return {**found, 'img_path': self._files[self._rows[row]]}

    def paths(
        self, start: int = 0, stop: int | None = None, step: int = 1
    ) -> list[str]:
        """Files of the samples ``start`` to ``stop``, or each n-th of them."""
        return [self._files[i] for i in self._rows[start:stop:step].tolist()]


def is_image_list(path: str | os.PathLike) -> bool:
    """Whether a path is a file that lists images."""
    suffix = os.path.splitext(path)[1].lower()
    return (
        suffix in LIST_SUFFIXES
        and os.path.isfile(path)
        and not is_archive(path)
    )


def image_root(images: str | os.PathLike) -> str:
    """Return the folder that ids are relative to.

    Args:
        images (str | os.PathLike): A folder, a list, an archive, or a pattern
            of archives: the folder before its first wildcard.
    """
    path = os.path.abspath(os.path.expanduser(images))
    if archive_files(path):
        if os.path.lexists(path):
            return os.path.dirname(path)
        return os.path.dirname(re.split(r'[*?[]', path, maxsplit=1)[0])
    return os.path.dirname(path) if is_image_list(path) else path


def read_image_list(path: str | os.PathLike) -> SampleIndex:
    """List the images that a file names.

    A column ``image`` (or ``path``, ``file``, ``url`` ...) holds paths,
    relative to the folder of the list, or ``file://`` addresses; a column
    ``id``, if there is one, their ids, else these are the paths. Without a
    header, every line is a path. Other columns are not looked at.

    Args:
        path (str | os.PathLike): CSV, TSV, text in UTF-8, or Parquet.

    Raises:
        FileNotFoundError: If files are missing; names some.
        ValueError: If there is no such column, an empty or remote path, or
            one id twice.
        ImportError: If pyarrow is missing for Parquet.
    """
    path = os.path.abspath(os.path.expanduser(path))
    where = f"image list '{path}'"
    folder = os.path.dirname(path)
    given, ids = _columns(path, where)
    if not given:
        raise ValueError(f'{where} names no image')
    files = [
        _local(text, folder, f'{where}, image {number}')
        for number, text in enumerate(given, 1)
    ]
    names = ids
    if names is None:
        names = [_relative(file, folder) for file in files]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice or '' in names:
        raise ValueError(
            f'{where}: ids must be there and differ; '
            + (f'{twice[:5]} stand there twice' if twice else 'one is empty')
        )
    missing = np.flatnonzero(file_sizes(files) < 0)
    if len(missing):
        some = ', '.join(files[i] for i in missing[:5].tolist())
        raise FileNotFoundError(
            f'{len(missing)} of the {len(files)} images of {where} do not '
            f'exist: {some}{", ..." if len(missing) > 5 else ""}. Paths are '
            f"relative to '{folder}'."
        )
    if ids is None:
        return SampleIndex(folder, names)
    return ListedIndex(folder, names, files)


def _columns(path: str, where: str) -> tuple[list[str], list[str] | None]:
    """Return the paths as written, and ids if there are some."""
    if path.lower().endswith('.parquet'):
        table = _parquet(path)
    else:
        rows = _rows(path, where)
        if all(len(row) == 1 for row in rows):
            lines = [row[0].strip() for row in rows]
            header = bool(lines) and lines[0].lower() in PATH_COLUMNS
            return lines[header:], None
        columns = zip(*rows, strict=True)
        table = {name: list(values) for name, *values in columns}
    plain = {str(name).strip().lower(): name for name in table}
    found = [plain[name] for name in PATH_COLUMNS if name in plain]
    if not found:
        raise ValueError(
            f'{where} has the columns {[*table]}: name the one of the paths '
            f'{PATH_COLUMNS[0]!r}'
            + ', or that of the images themselves, of bytes'
            * path.lower().endswith('.parquet')
        )
    ids = [plain[name] for name in ID_COLUMNS if name in plain]
    texts = [_text(value) for value in table[found[0]]]
    return texts, [_text(v) for v in table[ids[0]]] if ids else None


def _rows(path: str, where: str) -> list[list[str]]:
    """Return the rows that are not blank; a text file has one column."""
    text = decode_text(Path(path).read_bytes(), where)
    if path.lower().endswith('.txt'):
        return [[line] for line in text.splitlines() if line.strip()]
    return table_rows(text, where)


def _parquet(path: str) -> dict[str, list]:
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise ImportError(
            f"'{path}' needs pyarrow: pip install 'mmlatte[export]'"
        ) from error
    names = parquet.read_schema(path).names
    wanted = [n for n in names if n.lower() in (*PATH_COLUMNS, *ID_COLUMNS)]
    if not wanted:
        return {name: [] for name in names}
    return parquet.read_table(path, columns=wanted).to_pydict()


def _text(value) -> str:
    return '' if value is None else str(value).strip()


def _local(text: str, folder: str, where: str) -> str:
    """Return a path or address as the absolute path of a file."""
    if not text:
        raise ValueError(f'{where}: its path is empty')
    kind = urlsplit(text).scheme if '://' in text else ''
    if kind == 'file':
        return url2pathname(urlsplit(text).path)
    if kind:
        raise ValueError(
            f'{where}: {text} is not on this machine; download the images '
            'and list their paths'
        )
    return os.path.normpath(os.path.join(folder, os.path.expanduser(text)))


def _relative(file: str, folder: str) -> str:
    return os.path.relpath(file, folder).replace(os.sep, '/')
