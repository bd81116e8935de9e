from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import Any

from .archive import Archive
from .image_column import ImageColumn, find_image_column, row_name, row_of

__all__ = ['TableArchive']


class TableArchive(Archive):
    """A table with a column of images; their names are numbers of rows.

    No other column is read, but for the paths beside the images.

    Args:
        path (str): The file.
        schema (pyarrow.Schema): Its columns.
        rows (int): How many images there are.

    Raises:
        ValueError: If it has no column of images.
    """

    def __init__(self, path: str, schema: Any, rows: int) -> None:
        super().__init__(path)
        column = find_image_column(schema, f"'{path}'")
        if column is None:
            raise ValueError(
                f"'{path}' has no column of images (bytes, or a struct with "
                f'"bytes"), but {schema.names}'
            )
        self.column: ImageColumn = column
        self.rows = rows

    def images(
        self, suffixes: Sequence[str]
    ) -> tuple[list[str], Counter[tuple[str, str]]]:
        """See `Archive`.

        Raises:
            ValueError: If it holds the paths of the images only.
        """
        paths = self._paths()
        if self._without_bytes():
            first = next((path for path in paths if path), None)
            raise ValueError(
                f"'{self.path}' holds no images, but paths of files (the "
                f'first: {first!r}): give the folder of these files, or a '
                'list of them; save_to_disk and push_to_hub of "datasets" '
                'write the images themselves'
            )
        others = {
            (f'column {name!r}', 'another image of a row'): self.rows
            for name in self.column.others
        }
        names = [row_name(row, path) for row, path in enumerate(paths)]
        return names, Counter(others)

    def read(self, name: str) -> bytes:
        """See `Archive`.

        Raises:
            ValueError: If the row is empty.
        """
        found = self._read(self._row(name))
        if found is None:
            raise ValueError(f"'{self.path}' holds nothing in this row")
        return found

    def _row(self, name: str) -> int:
        row = row_of(name, self.rows)
        if row is None:
            raise self._missing(name)
        return row

    @abstractmethod
    def _paths(self) -> list[str | None]:
        """Return the paths beside the images, None where there is none."""

    @abstractmethod
    def _without_bytes(self) -> bool:
        """Whether all rows are known to hold no bytes."""

    @abstractmethod
    def _read(self, row: int) -> bytes | None:
        """Return the bytes of a row, None where there are none."""
