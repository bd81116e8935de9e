"""The SLURM scripts, with an ``srun`` that says what it was asked."""

import os
import subprocess

import pytest


@pytest.mark.parametrize(
    'script, given, handed',
    [
        ('adapt', ['--out', 'out dir'], ['--out', 'out dir']),
        ('train', ['out dir'], ['--work-dir', 'out dir']),
        ('test', ['a.pth'], ['a.pth']),
    ],
)
def test_scripts_hand_everything_to_srun(script, given, handed, tmp_path):
    fake = tmp_path / 'srun'
    fake.write_text(
        '#!/bin/sh\necho "PATH $PYTHONPATH"\nprintf "%s\\n" "$@"\n'
    )
    fake.chmod(0o755)
    options = ['--cfg-options', 'a=1']
    arguments = ['part', 'job', 'config.py', *given, *options]
    done = subprocess.run(
        ['bash', f'tools/slurm_{script}.sh', *arguments],
        env={
            **os.environ,
            'PATH': f'{tmp_path}:{os.environ["PATH"]}',
            'GPUS': '4',
            'SRUN_ARGS': '--quiet --exclusive',
        },
        capture_output=True,
        text=True,
        check=True,
    )
    path, *said = done.stdout.splitlines()
    assert os.path.isdir(os.path.join(path[5:].split(':')[0], 'mmlatte'))
    assert said[:4] == ['-p', 'part', '--job-name=job', '--gres=gpu:8']
    assert {'--ntasks=4', '--quiet', '--exclusive'} <= set(said)
    python = said.index('python')
    assert os.path.isfile(said[python + 2])
    assert os.path.basename(said[python + 2]) == f'{script}.py'
    expected = ['config.py', *handed, *options, '--launcher', 'slurm']
    assert said[python + 3 :] == expected
