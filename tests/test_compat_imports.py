"""What importing mmlatte loads."""

import subprocess
import sys

import pytest

LOADED = 'import sys; print([m for m in {} if m in sys.modules])'


@pytest.mark.parametrize(
    ('module', 'absent'),
    [
        ('mmlatte', ['torch', 'mmcv', 'mmpretrain', 'matplotlib']),
        ('mmlatte.fits', ['mmengine.runner', 'mmpretrain', 'open_clip']),
        ('mmlatte.registry', ['transformers', 'peft']),
        ('mmlatte.datasets', ['transformers', 'open_clip']),
    ],
)
def test_what_is_not_needed_is_not_imported(module, absent):
    code = f'import {module}; ' + LOADED.format(absent)
    seen = subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert seen.stdout.splitlines()[-1] == '[]'


@pytest.mark.stack
def test_adafactor_of_transformers_is_built_by_name():
    torch = pytest.importorskip('torch')
    transformers = pytest.importorskip('transformers')
    from mmlatte.registry import OPTIMIZERS

    weight = torch.nn.Parameter(torch.ones(2))
    options = dict(params=[weight], lr=1e-3, relative_step=False)
    optimizer = OPTIMIZERS.build(dict(type='mmengine.Adafactor', **options))
    assert isinstance(optimizer, transformers.Adafactor)
