"""What importing mmlatte loads."""

import os
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
        ('mmlatte.apis', ['transformers', 'matplotlib']),
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


def test_open_clip_is_complete_once_a_text_tower_needs_it():
    pytest.importorskip('transformers')
    code = """
import sys
import mmlatte.models.clip
from open_clip import coca_model, hf_model
assert 'transformers' not in sys.modules and hf_model.transformers is None
try:
    hf_model.HFTextEncoder('no/such-model', 8, pretrained=False)
except OSError:
    pass
import transformers
print(hf_model.AutoModel is transformers.AutoModel,
      hf_model.PretrainedConfig is transformers.PretrainedConfig,
      hf_model.HFTextEncoder.__init__.__qualname__,
      hf_model._POOLERS['cls_pooler'] is hf_model.ClsPooler)
assert coca_model.CoCa.generate.__qualname__ == 'CoCa.generate'
"""
    seen = subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
        env={**os.environ, 'HF_HUB_OFFLINE': '1'},
    )
    assert not seen.returncode, seen.stderr
    assert seen.stdout.splitlines()[-1] == (
        'True True HFTextEncoder.__init__ True'
    )
