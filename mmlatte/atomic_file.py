"""Files and folders that appear complete or not at all."""

import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

#: A temporary file or folder this old was left by a process that was killed.
STALE_SECONDS = 3600


@contextmanager
def atomic_file(path: str | Path, replace: bool = True) -> Iterator[IO[bytes]]:
    """Open a file for writing that replaces ``path`` once it is durable.

    Killing the process or the machine at any instant leaves either the old
    file or the whole new one; an exception inside the block leaves the old.

    Args:
        path (str | Path): The file; its folder is created.
        replace (bool): Whether a file that is there is replaced; if not, the
            first of several writers wins.

    Yields:
        IO[bytes]: The open temporary file beside it.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / 'answer.txt'
        >>> with atomic_file(path) as file:
        ...     _ = file.write(b'42')
        >>> path.read_text()
        '42'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{uuid.uuid4().hex}.tmp')
    try:
        with open(temporary, 'xb') as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(temporary, path)
        else:
            with suppress(FileExistsError):
                os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Fill a folder that gets its name once it is complete.

    An exception inside the block leaves nothing.

    Args:
        path (str | Path): The folder; may be there if it is empty.

    Yields:
        Path: An empty temporary folder beside it.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / 'answers'
        >>> with atomic_folder(path) as folder:
        ...     _ = (folder / 'first.txt').write_text('42')
        >>> [file.name for file in path.iterdir()]
        ['first.txt']
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.glob(f'.{path.name}.*.tmp'):
        if time.time() - old.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    temporary = path.with_name(f'.{path.name}.{uuid.uuid4().hex}.tmp')
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            path.rmdir()  # Windows replaces no folder, not even an empty one
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_stale_files(folder: str | Path) -> None:
    """Delete what killed processes left behind in a folder."""
    for temporary in Path(folder).glob('.*.tmp'):
        try:
            if time.time() - temporary.stat().st_mtime > STALE_SECONDS:
                temporary.unlink()
        except FileNotFoundError:  # its owner is alive after all
            continue


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself durable, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except (OSError, AttributeError):  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    except OSError:  # some network file systems refuse
        pass
    finally:
        os.close(handle)
