import platform

import pytest

from mmlatte.engine.hooks import ReturnMemoryHook

#: Frees 256 MB between blocks that live on; prints what the system has back.
HOLES = """
from pathlib import Path

import numpy as np

from mmlatte.engine.hooks import ReturnMemoryHook


def resident():
    status = Path('/proc/self/status').read_text()
    return int(status.split('VmRSS:')[1].split()[0]) * 1024


for min_size in (2**20, 2**25):
    ReturnMemoryHook(min_size).before_run(None)
    blocks = [np.ones(2_000_000) for _ in range(32)]  # 16 MB each
    before = resident()
    del blocks[::2]
    print('back:', before - resident())
    del blocks
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != 'glibc', reason='other C libraries do nothing'
)
def test_large_blocks_are_given_back_at_once(run_script, tmp_path):
    # In a process of its own: the setting holds until a process ends, and
    # blocks would fill what earlier tests have freed.
    script = tmp_path / 'holes.py'
    script.write_text(HOLES)
    done = run_script(script)
    back = [
        int(line.split()[-1])
        for line in done.stdout.splitlines()
        if line.startswith('back:')
    ]
    assert len(back) == 2, done.stderr
    assert back[0] > 200_000_000
    assert back[1] < 50_000_000


def test_nothing_happens_without_glibc(monkeypatch):
    monkeypatch.setattr('ctypes.CDLL', lambda name: object())
    ReturnMemoryHook().before_run(None)


@pytest.mark.parametrize('size', [0, -1, 2**31])
def test_wrong_sizes_are_refused(size):
    with pytest.raises(ValueError, match=f'32-bit number, got {size}'):
        ReturnMemoryHook(min_size=size)
