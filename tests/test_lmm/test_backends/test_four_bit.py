"""What a GPU would be told; the arithmetic itself needs one."""

import pytest
import torch

from mmlatte.lmm.backends.four_bit import compute_dtype


@pytest.mark.parametrize(
    ('outer', 'inner', 'asked', 'expected'),
    [
        ('float16', None, 'auto', torch.float16),
        (torch.bfloat16, None, 'auto', torch.bfloat16),
        (None, torch.bfloat16, 'auto', torch.bfloat16),
        (None, None, 'auto', torch.float16),
        (torch.float32, None, 'auto', torch.bfloat16),
        (torch.bfloat16, None, 'float16', torch.float16),
    ],
)
def test_quantised_weights_compute_as_the_model(outer, inner, asked, expected):
    transformers = pytest.importorskip('transformers')
    config = transformers.LlavaConfig()
    config.dtype = outer
    config.get_text_config().dtype = inner
    assert compute_dtype(config, asked) == expected
