import os
import sys
import threading
from contextlib import AbstractContextManager

__all__ = ['archive_lock']

_lock = threading.RLock()


def archive_lock() -> AbstractContextManager:
    """Return what one thread of a process holds while it opens archives."""
    return _lock


def _renew() -> None:
    """A forked process must not wait for threads that it does not have."""
    global _lock
    _lock = threading.RLock()


if sys.platform != 'win32':
    os.register_at_fork(after_in_child=_renew)
