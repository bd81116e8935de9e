"""Loading an LMM in 4 bit."""

from typing import Any

import torch

__all__ = ['compute_dtype', 'four_bit_options']


def four_bit_options(model: str, dtype: str, source: dict) -> dict:
    """Return what ``from_pretrained`` needs for 4 bit with bitsandbytes.

    Weights as LLaVA's own 4-bit loader has them, which the reference code
    calls: NF4, quantised twice.

    Args:
        model (str): Folder or hub name.
        dtype (str): ``'auto'`` or a dtype's name, see `compute_dtype`.
        source (dict): More arguments of ``from_pretrained``.
    """
    from transformers import AutoConfig, BitsAndBytesConfig

    config = AutoConfig.from_pretrained(model, **source)
    return dict(
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type='nf4',
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=compute_dtype(config, dtype),
        )
    )


def compute_dtype(config: Any, dtype: str) -> torch.dtype:
    """Return the dtype that quantised weights are multiplied in.

    That of the model: activations of a bfloat16 model may not fit into
    float16. Of single precision, bfloat16 has the range.

    Args:
        config (PretrainedConfig): Of the model.
        dtype (str): A dtype's name, or ``'auto'`` for the config's.
    """
    found = dtype
    if dtype == 'auto':
        found = config.dtype or config.get_text_config().dtype or 'float16'
    if isinstance(found, str):
        found = getattr(torch, found)
    return torch.bfloat16 if found == torch.float32 else found
