"""What tools/test.py refuses before any work."""

import runpy
import sys

import pytest


@pytest.mark.parametrize(
    ('item', 'name'), [('metrics', 'result.txt'), ('pred', 'result.json')]
)
def test_files_that_cannot_be_written_are_known_early(
    item, name, monkeypatch, capsys
):
    arguments = ['no_config.py', '--out', name, '--out-item', item]
    monkeypatch.setattr(sys, 'argv', ['test.py', *arguments])
    with pytest.raises(SystemExit) as error:
        runpy.run_path('tools/test.py', run_name='__main__')
    assert error.value.code == 2
    message = capsys.readouterr().err
    assert f'--out-item {item} needs --out with suffix' in message
    assert '.pkl' in message and name in message
