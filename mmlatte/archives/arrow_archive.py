from typing import Any

from mmlatte.decode_image.optional_package import need_package

from .table_archive import TableArchive

__all__ = ['ArrowArchive']


class ArrowArchive(TableArchive):
    """An Arrow file, as ``save_to_disk`` of ``datasets`` writes them.

    It is mapped into memory: a row is read without any other.

    Args:
        path (str): The file, of Arrow's stream or file format.

    Raises:
        MissingPackageError: If pyarrow is not installed.
        ValueError: If it is damaged, or has no column of images.
    """

    def __init__(self, path: str) -> None:
        arrow = need_package('pyarrow', 'An Arrow file')
        compute = need_package('pyarrow.compute', 'An Arrow file')
        try:
            table = _read_table(arrow, path)
        except arrow.ArrowInvalid as error:
            raise ValueError(
                f"'{path}' is damaged, or no Arrow file: {error}"
            ) from error
        super().__init__(path, table.schema, table.num_rows)
        self._bytes = found = table.column(self.column.name)
        self._path_column = None
        if self.column.nested:
            self._bytes = compute.struct_field(found, 'bytes')
            if self.column.has_path:
                self._path_column = compute.struct_field(found, 'path')

    def size(self, name: str) -> int:
        """See `Archive`."""
        buffer = self._bytes[self._row(name)].as_buffer()
        return 0 if buffer is None else buffer.size

    def _paths(self) -> list[str | None]:
        if self._path_column is None:
            return [None] * self.rows
        return self._path_column.to_pylist()

    def _without_bytes(self) -> bool:
        return 0 < self.rows == self._bytes.null_count

    def _read(self, row: int) -> bytes | None:
        return self._bytes[row].as_py()


def _read_table(arrow: Any, path: str) -> Any:
    """Map a table, of whichever of the two formats."""
    source = arrow.memory_map(path)
    try:
        return arrow.ipc.open_stream(source).read_all()
    except arrow.ArrowInvalid:
        source.seek(0)
        return arrow.ipc.open_file(source).read_all()
