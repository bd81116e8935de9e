import multiprocessing
import platform
from pathlib import Path

import numpy as np
import pytest

from mmlatte.engine.hooks import ReturnMemoryHook


def resident() -> int:
    """Memory of this process, bytes."""
    status = Path('/proc/self/status').read_text()
    return int(status.split('VmRSS:')[1].split()[0]) * 1024


def free_between_living_blocks(min_size: int, pipe) -> None:
    """Free 256 MB; send how much of it the system has back."""
    ReturnMemoryHook(min_size).before_run(None)
    # 16 MB each: few fit into holes that the forked process brings along.
    blocks = [np.ones(2_000_000) for _ in range(32)]
    before = resident()
    del blocks[::2]
    pipe.send(before - resident())


@pytest.mark.skipif(
    platform.libc_ver()[0] != 'glibc', reason='other C libraries do nothing'
)
def test_large_blocks_are_given_back_at_once():
    # In processes of their own: it holds until a process ends.
    context = multiprocessing.get_context('fork')

    def given_back(min_size: int) -> int:
        here, there = context.Pipe()
        child = context.Process(
            target=free_between_living_blocks, args=(min_size, there)
        )
        child.start()
        assert here.poll(60)
        child.join()
        return here.recv()

    assert given_back(2**20) > 150_000_000
    assert given_back(2**25) < 50_000_000


def test_nothing_happens_without_glibc(monkeypatch):
    monkeypatch.setattr('ctypes.CDLL', lambda name: object())
    ReturnMemoryHook().before_run(None)


@pytest.mark.parametrize('size', [0, -1, 2**31])
def test_wrong_sizes_are_refused(size):
    with pytest.raises(ValueError, match=f'32-bit number, got {size}'):
        ReturnMemoryHook(min_size=size)
