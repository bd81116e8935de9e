from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence

__all__ = ['Archive']


class Archive(ABC):
    """A file that holds many images, each under a name of its own.

    Names consist of parts with ``/`` between them, none of which is ``..``.

    Args:
        path (str): The file.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    @abstractmethod
    def images(
        self, suffixes: Sequence[str]
    ) -> tuple[list[str], Counter[tuple[str, str]]]:
        """Return the names of its images, and what it holds beside them.

        Args:
            suffixes (Sequence[str]): Name endings of images, lower case;
                for archives whose members have names.

        Returns:
            tuple: Names, and kind and reason -> how many are left out.

        Raises:
            ValueError: If it holds none that can be read.
        """

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Return the bytes of an image, as they were put in.

        Raises:
            FileNotFoundError: If it holds no such name.
        """

    @abstractmethod
    def size(self, name: str) -> int | None:
        """Return how many bytes that are; None where only reading tells.

        Raises:
            FileNotFoundError: If it holds no such name.
        """

    def _missing(self, name: str) -> FileNotFoundError:
        return FileNotFoundError(f"'{self.path}' holds no {name!r}")
