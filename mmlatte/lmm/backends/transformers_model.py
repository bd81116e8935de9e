"""Whether transformers can load a model, found out without its weights."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log

from .base_lmm import LMMUnavailableError
from .four_bit import four_bit_options

__all__ = [
    'absent_message',
    'check_model',
    'halved',
    'load_model',
    'load_processor',
]

#: Settings without which some processors cannot count a picture's tokens.
COUNTED = ('patch_size', 'vision_feature_select_strategy', 'num_image_tokens')


def check_model(model: str, source: dict, load_in_4bit: bool) -> Any:
    """See whether a model is there and takes images.

    Args:
        model (str): Folder or hub name.
        source (dict): Further arguments of ``from_pretrained``.
        load_in_4bit (bool): Whether it is to be quantised.

    Returns:
        PretrainedConfig: Of the model.

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
    return config


def load_processor(
    model: str, source: dict, settings: dict, config: Any
) -> Any:
    """Load a model's processor, ready for batches that are generated from.

    Args:
        model (str): Folder or hub name.
        source (dict): Further arguments of ``from_pretrained``.
        settings (dict): The user's own settings of the processor.
        config (PretrainedConfig): Of the model.

    Returns:
        ProcessorMixin: With a chat template, and padding on the left.

    Raises:
        LMMUnavailableError: If it cannot be had, needs a package that is not
            there, or lacks a setting; the message names it.
    """
    from transformers import AutoProcessor

    try:
        processor = AutoProcessor.from_pretrained(model, **source, **settings)
    except ImportError as error:
        raise LMMUnavailableError(
            f'TransformersLMM: the processor of {model} needs a package that '
            f'is not installed: {" ".join(str(error).split())}'
        ) from error
    except (OSError, ValueError) as error:
        raise LMMUnavailableError(absent_message(model, error)) from error
    if not getattr(processor, 'chat_template', None):
        raise LMMUnavailableError(
            f'TransformersLMM: {model} has no chat template; copy the one of '
            'its instruction-tuned sibling into the folder as '
            'chat_template.jinja'
        )
    held = vars(processor)
    lacking = [name for name in COUNTED if held.get(name, '') is None]
    if lacking:
        raise LMMUnavailableError(
            f'TransformersLMM: the processor of {model} lacks '
            f'{" and ".join(lacking)}; set lmm.processor='
            f'dict({_from_config(lacking, config)})'
        )
    tokenizer = processor.tokenizer
    tokenizer.padding_side = 'left'
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return processor


def _from_config(names: list[str], config: Any) -> str:
    """What a model's config says about a processor's missing settings."""
    facts = config.to_dict()
    vision = facts.get('vision_config', {})
    patch = vision.get('patch_size')
    known: dict = {
        'patch_size': patch,
        'vision_feature_select_strategy': facts.get(
            'vision_feature_select_strategy'
        ),
    }
    if patch and vision.get('image_size'):
        known['num_image_tokens'] = (vision['image_size'] // patch) ** 2
    values = [f'{name}={known.get(name)!r}' for name in names]
    default = known['vision_feature_select_strategy'] == 'default'
    if 'patch_size' in names and default:
        # That strategy drops the vision tower's class token.
        values.append('num_additional_image_tokens=1')
    return ', '.join(values)


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


def load_model(
    model: str, source: dict, dtype: str, device: str, load_in_4bit: bool
) -> Any:
    """Load the weights of a model, for inference.

    Args:
        model (str): Folder or hub name.
        source (dict): ``revision`` and ``trust_remote_code``.
        dtype (str): See `TransformersLMM`.
        device (str): Where it runs.
        load_in_4bit (bool): Whether its weights are quantised.

    Raises:
        LMMUnavailableError: If they cannot be had.
    """
    from transformers import AutoModelForImageTextToText

    options: dict = {'dtype': dtype}
    if load_in_4bit:
        # With an index: a bare name may mean the first GPU on all ranks.
        index = torch.cuda.current_device()
        place = f'cuda:{index}' if device == 'cuda' else device
        options['device_map'] = {'': place}
    try:
        if load_in_4bit:
            options |= four_bit_options(model, dtype, source)
        loaded = AutoModelForImageTextToText.from_pretrained(
            model, **options, **source
        )
    except OSError as error:
        raise LMMUnavailableError(absent_message(model, error)) from error
    loaded = loaded.eval().requires_grad_(False)
    return loaded if load_in_4bit else loaded.to(device)


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
