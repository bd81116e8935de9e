import platform
from pathlib import Path

import numpy as np
import pytest

from mmlatte.engine.free_memory import return_free_memory


def resident() -> int:
    """Memory of this process, kB."""
    status = Path('/proc/self/status').read_text()
    return int(status.split('VmRSS:')[1].split()[0])


@pytest.mark.skipif(
    platform.libc_ver()[0] != 'glibc', reason='other C libraries do nothing'
)
def test_holes_between_living_blocks_are_given_back():
    blocks = [np.ones(8000) for _ in range(2000)]  # 64 kB each, 128 MB
    # The last one keeps the others from being the free end of the heap.
    del blocks[:-1]
    before = resident()
    return_free_memory()
    assert resident() < before - 60_000


def test_nothing_happens_without_glibc(monkeypatch):
    monkeypatch.setattr('ctypes.CDLL', lambda name: object())
    return_free_memory()
