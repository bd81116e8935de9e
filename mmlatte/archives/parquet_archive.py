from collections import OrderedDict
from typing import Any

import numpy as np

from mmlatte.decode_image.optional_package import need_package

from .image_column import find_image_column
from .lock import archive_lock
from .table_archive import TableArchive

__all__ = ['ParquetArchive', 'has_image_column']

KIND = 'A Parquet file'
#: Bytes of images that a process keeps of all groups of rows, and so the
#: largest group: "datasets" writes groups of 100 rows, or of 100 MB.
MEMORY = 256_000_000


class ParquetArchive(TableArchive):
    """A Parquet file with a column of images.

    To read an image, the group of rows that it is in must be read. Those
    that were read last are kept in memory.

    Args:
        path (str): The file.

    Raises:
        MissingPackageError: If pyarrow is not installed.
        ValueError: If it is damaged, has no column of images, or a group of
            rows is too large.
    """

    #: Images of groups, for all files of a process together.
    _kept: OrderedDict[tuple['ParquetArchive', int], Any] = OrderedDict()

    def __init__(self, path: str) -> None:
        self._parquet = need_package('pyarrow.parquet', KIND)
        self._about = _metadata(self._parquet, path)
        schema = self._about.schema.to_arrow_schema()
        super().__init__(path, schema, self._about.num_rows)
        groups = range(self._about.num_row_groups)
        counts = [self._about.row_group(i).num_rows for i in groups]
        self._starts = np.cumsum([0, *counts])
        name = self.column.name
        self._leaf = f'{name}.bytes' if self.column.nested else name
        self._chunks = [self._chunk(i) for i in groups]
        sizes = [chunk.total_uncompressed_size for chunk in self._chunks]
        if max(sizes, default=0) > MEMORY:
            raise ValueError(
                f"'{path}' has groups of rows with up to "
                f'{max(sizes) / 1e6:.0f} MB of images, and each image takes '
                'the reading of one; write it anew with small groups: '
                'pyarrow.parquet.write_table(pyarrow.parquet.read_table('
                f'{path!r}), NEW, row_group_size=100)'
            )

    def size(self, name: str) -> None:
        """See `Archive`: not known."""
        self._row(name)

    def _chunk(self, group: int) -> Any:
        about = self._about.row_group(group)
        columns = (about.column(i) for i in range(about.num_columns))
        return next(c for c in columns if c.path_in_schema == self._leaf)

    def _paths(self) -> list[str | None]:
        if not self.column.has_path:
            return [None] * self.rows
        name = f'{self.column.name}.path'
        with self._open() as file:
            column = file.read([name], use_threads=False).column(0)
        rows = column.to_pylist()
        return [None if row is None else row['path'] for row in rows]

    def _without_bytes(self) -> bool:
        known = [chunk.statistics for chunk in self._chunks]
        return bool(self.rows) and all(
            about is not None
            and about.has_null_count
            and about.null_count == chunk.num_values
            for about, chunk in zip(known, self._chunks, strict=True)
        )

    def _read(self, row: int) -> bytes | None:
        group = int(np.searchsorted(self._starts, row, side='right')) - 1
        # Threads that look for one group wait for it, and read it once.
        with archive_lock():
            images = self._group(group)
        found = images[row - int(self._starts[group])].as_py()
        return found['bytes'] if found and self.column.nested else found

    def _group(self, group: int) -> Any:
        key = self, group
        kept = ParquetArchive._kept
        if key not in kept:
            size = self._chunks[group].total_uncompressed_size
            while kept and _size(kept) + size > MEMORY:
                kept.popitem(last=False)
            with self._open() as file:
                kept[key] = file.read_row_group(
                    group, [self._leaf], use_threads=False
                ).column(0)
        kept.move_to_end(key)
        return kept[key]

    def _open(self) -> Any:
        # Anew each time: processes must not share the place in a file.
        return self._parquet.ParquetFile(self.path, metadata=self._about)


def has_image_column(path: str) -> bool:
    """Whether a Parquet file holds images, and not their paths.

    Raises:
        MissingPackageError: If pyarrow is not installed.
        ValueError: If it is damaged.
    """
    about = _metadata(need_package('pyarrow.parquet', KIND), path)
    schema = about.schema.to_arrow_schema()
    return find_image_column(schema, f"'{path}'") is not None


def _metadata(parquet: Any, path: str) -> Any:
    arrow = need_package('pyarrow', KIND)
    try:
        return parquet.read_metadata(path)
    except arrow.ArrowInvalid as error:
        raise ValueError(
            f"'{path}' is damaged, or no Parquet file: {error}"
        ) from error


def _size(kept: OrderedDict[tuple[ParquetArchive, int], Any]) -> int:
    return sum(column.nbytes for column in kept.values())
