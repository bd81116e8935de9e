"""Whether transformers can load a model, found out without its weights."""

from importlib.util import find_spec
from pathlib import Path

import torch
from mmengine.logging import print_log

from .base_lmm import LMMUnavailableError

__all__ = ['absent_message', 'check_model', 'halved']


def check_model(model: str, source: dict, load_in_4bit: bool) -> None:
    """See whether a model is there and takes images.

    Args:
        model (str): Folder or hub name.
        source (dict): Further arguments of ``from_pretrained``.
        load_in_4bit (bool): Whether it is to be quantised.

    Raises:
        LMMUnavailableError: If it cannot be had, is no image-text model, or
            4-bit weights were asked for where they cannot run.
    """
    if find_spec('transformers') is None:
        raise LMMUnavailableError(
            'TransformersLMM needs transformers: pip install mmlatte[lmm]'
        )
    from transformers import (
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
        AutoConfig,
    )

    if load_in_4bit:
        _check_4bit()
    is_folder = Path(model).is_dir()
    looks_local = model.startswith(('/', '.', '~'))
    if looks_local and not is_folder:
        raise LMMUnavailableError(
            f'TransformersLMM: there is no folder {model}'
        )
    try:
        config = AutoConfig.from_pretrained(model, **source)
    except (OSError, ValueError, KeyError) as error:
        raise LMMUnavailableError(absent_message(model, error)) from error
    known = type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
    remote = getattr(config, 'auto_map', None) or {}
    if not known and 'AutoModelForImageTextToText' not in remote:
        raise LMMUnavailableError(
            f'TransformersLMM: {model} is no image-text model: '
            f'model type {config.model_type!r} is not among '
            "transformers' AutoModelForImageTextToText. Give a LLaVA, "
            'Qwen-VL, InternVL, SmolVLM ...'
        )
    weights = ('*.safetensors', '*.bin')
    if is_folder and not any(
        next(Path(model).glob(pattern), None) for pattern in weights
    ):
        raise LMMUnavailableError(
            f'TransformersLMM: {model} holds no weights '
            f'({" or ".join(weights)})'
        )


def _check_4bit() -> None:
    if not torch.cuda.is_available():
        raise LMMUnavailableError(
            'TransformersLMM: load_in_4bit=True needs a CUDA GPU; set '
            'load_in_4bit=False'
        )
    if find_spec('bitsandbytes') is None:
        raise LMMUnavailableError(
            'TransformersLMM: load_in_4bit=True needs bitsandbytes: '
            'pip install bitsandbytes'
        )


def absent_message(model: str, error: Exception) -> str:
    """Return what to do about a model that cannot be loaded."""
    reason = str(error).strip().splitlines()
    return (
        f'TransformersLMM: cannot get the model {model!r}: '
        f'{reason[0] if reason else type(error).__name__}\n'
        'Either download it where there is a network '
        f'(hf download {model}) and copy the folder here, giving '
        'its path as lmm.model, or give another backend: '
        'mmlatte.OpenAICompatibleLMM (a server), mmlatte.TextFile (texts '
        'that exist), mmlatte.TagCaptioner (no LMM).'
    )


def halved(size: int, what: str, device: str, error: BaseException) -> int:
    """Return how many to go on with when so many did not fit into memory.

    Args:
        size (int): How many there were.
        what (str): Of what, for the log.
        device (str): Whose memory.
        error (BaseException): What was raised.

    Raises:
        LMMUnavailableError: If it was only one.
    """
    if size == 1:
        raise LMMUnavailableError(
            f'TransformersLMM: one image does not fit into the memory of '
            f'{device}: {error}. Use a smaller model, load_in_4bit=True or '
            'dtype="bfloat16".'
        ) from error
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    half = size // 2
    print_log(
        f'out of memory with {size} {what}, going on with {half} at a time',
        'current',
        level=30,
    )
    return half
