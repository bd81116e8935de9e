"""What is checked on a GPU, at tiny sizes on the CPU."""

import os
import sys
import time
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture
def gpu_check(monkeypatch):
    """The benchmark and its checks as modules."""
    monkeypatch.syspath_prepend(str(REPO / 'benchmarks'))
    import gpu_check
    import gpu_checks

    yield gpu_check, gpu_checks
    for name in [*sys.modules]:
        if name.startswith(('gpu_check', 'train_step_worker')):
            del sys.modules[name]


def test_the_checks_pass_at_tiny_sizes(gpu_check, monkeypatch, tmp_path):
    module, _ = gpu_check
    out = tmp_path / 'table.md'
    # All but torch.compile, which takes a minute of compiling.
    names = [name for name in module.CHECKS if name != 'compiled']
    arguments = ['--device', 'cpu', '--only', *names, '--out', str(out)]
    monkeypatch.setattr(sys, 'argv', ['gpu_check.py', *arguments])
    assert module.main() == 0, out.read_text()
    table = out.read_text()
    assert 'bfloat16 against float32' in table
    assert '| gloo, one rank |' in table
    assert table.count('the same bits') == 3
    assert '(goal 0.9)' in table


def test_a_check_that_fails_ends_no_other(gpu_check, monkeypatch, capsys):
    module, checks = gpu_check

    def half(size):
        yield 'first row', 'good'
        raise ValueError('no | such\nthing')

    def dies(size):
        os._exit(3)
        yield

    def hangs(size):
        time.sleep(3600)
        yield

    def good(size):
        yield 'last row', 'good'

    monkeypatch.setattr(
        checks,
        'CHECKS',
        dict(precision=half, step=dies, compiled=hangs, determinism=good),
    )
    only = ['precision', 'step', 'compiled', 'determinism']
    arguments = ['--device', 'cpu', '--limit', '2', '--only', *only]
    monkeypatch.setattr(sys, 'argv', ['gpu_check.py', *arguments])
    assert module.main() == 1
    table = capsys.readouterr().out.split('# GPU check')[1].splitlines()
    rows = [line.split('|')[1:3] for line in table if line.startswith('| ')]
    assert [(what.strip(), result.strip()) for what, result in rows[1:]] == [
        ('first row', 'good'),
        ('precision', 'failed: ValueError: no / such thing'),
        ('step', 'failed: the process ended with code 3'),
        ('compiled', 'failed: not done after 2 s'),
        ('last row', 'good'),
    ]
