"""Which writers of a text store are alive."""

import contextlib
import fcntl
import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

__all__ = ['claimed', 'lock_writer', 'machine_name']


def lock_writer(path: Path) -> int:
    """Make and lock a writer's lock file; the lock ends with the process.

    Returns:
        int: Descriptor of the file; closing it gives the lock up.
    """
    lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def machine_name() -> str:
    """Name of this machine, different after each start of it."""
    boot = Path('/proc/sys/kernel/random/boot_id')
    mark = boot.read_text() if boot.exists() else ''
    host = socket.gethostname()
    digest = hashlib.blake2b(f'{host}{mark}'.encode(), digest_size=6)
    return digest.hexdigest()


@contextlib.contextmanager
def claimed(part: Path) -> Iterator[bool]:
    """Hold the lock of a writer of this machine that is gone.

    Yields False if the writer is alive, runs elsewhere, or if somebody else
    takes care of its file.
    """
    if not part.name.startswith(f'{machine_name()}-'):
        yield False
        return
    try:
        lock = os.open(part.with_suffix('.lock'), os.O_RDWR)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield part.exists()
    except BlockingIOError:
        yield False
    finally:
        os.close(lock)
