"""The bytes of an image, be it a file or a member of an archive."""

import io
import os
from typing import BinaryIO

from .archive import Archive
from .arrow_archive import ArrowArchive
from .lock import archive_lock
from .parquet_archive import ParquetArchive
from .tar_archive import TarArchive

__all__ = [
    'ARCHIVE_SUFFIXES',
    'image_status',
    'is_archived',
    'open_archive',
    'open_image',
]

KINDS: dict[str, type[Archive]] = {
    '.tar': TarArchive,
    '.parquet': ParquetArchive,
    '.arrow': ArrowArchive,
}
ARCHIVE_SUFFIXES = tuple(KINDS)

#: Archives that are open in this process, with the state of their files.
_open: dict[str, tuple[tuple[int, ...], Archive]] = {}


def open_image(path: str | os.PathLike, buffering: int = -1) -> BinaryIO:
    """Open a file, or a member of an archive, for reading bytes.

    The path of a member continues that of its archive:
    ``shard-0000.tar/7.jpg``.

    Args:
        path (str | os.PathLike): It.
        buffering (int): As of ``open``, for files.

    Raises:
        OSError: If there is none, or it cannot be read.
    """
    try:
        return open(path, 'rb', buffering=buffering)
    except (NotADirectoryError, FileNotFoundError):
        found = _member(os.fspath(path))
        if found is None:
            raise
    archive, name = found
    return io.BytesIO(archive.read(name))


def image_status(path: str | os.PathLike) -> tuple[int, int, int]:
    """Return the size, and in ns the times of the last changes.

    Of a member, the times of its archive; and the archive's size where only
    reading tells its own.

    Raises:
        OSError: If there is none.
    """
    try:
        status, size = os.stat(path), None
    except (NotADirectoryError, FileNotFoundError):
        found = _member(os.fspath(path))
        if found is None:
            raise
        archive, name = found
        status, size = os.stat(archive.path), archive.size(name)
    if size is None:
        size = status.st_size
    return size, status.st_mtime_ns, status.st_ctime_ns


def is_archived(path: str | os.PathLike) -> bool:
    """Whether a path is that of a member of an archive."""
    return _split(os.fspath(path)) is not None


def open_archive(path: str) -> Archive:
    """Open an archive once; again if it has changed.

    Raises:
        MissingPackageError: If its kind needs a package.
        OSError: If there is none.
        ValueError: If it is damaged.
    """
    status = os.stat(path)
    state = status.st_size, status.st_mtime_ns, status.st_ino
    with archive_lock():
        found = _open.get(path)
        if found is None or found[0] != state:
            suffix = os.path.splitext(path)[1].lower()
            found = _open[path] = state, KINDS[suffix](path)
        return found[1]


def _member(path: str) -> tuple[Archive, str] | None:
    found = _split(path)
    return None if found is None else (open_archive(found[0]), found[1])


def _split(path: str) -> tuple[str, str] | None:
    """Return an archive and the name of its member, None for other paths."""
    path = path.replace(os.sep, '/')
    lower = path.lower()
    ends = sorted(
        start + len(suffix)
        for suffix in ARCHIVE_SUFFIXES
        for start in _places(lower, f'{suffix}/')
    )
    for end in ends:
        if os.path.isfile(path[:end]):
            return path[:end], path[end + 1 :]
    return None


def _places(text: str, part: str) -> list[int]:
    found, at = [], text.find(part)
    while at >= 0:
        found.append(at)
        at = text.find(part, at + 1)
    return found
