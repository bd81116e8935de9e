"""Building a CLIP of open_clip with its weights."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext

import open_clip
import torch
from mmengine.logging import print_log
from open_clip.modified_resnet import ModifiedResNet
from open_clip.timm_model import TimmModel
from torch import nn

from .clip_tokenizer import ClipTokenizer
from .weight_facts import gelu_difference
from .weights import (
    Weights,
    check_hub_text_tower,
    find_weights,
    read_config,
)


def build_open_clip(
    model_name: str,
    pretrained: str | None,
    cache_dir: str | None,
    load_weights: bool,
    preprocess: Mapping | str | None = None,
    quick_gelu: bool | None = None,
) -> tuple[nn.Module, ClipTokenizer, dict]:
    """Return the model with its weights, its tokenizer and its config.

    Args:
        model_name (str): As for `OpenCLIP`.
        pretrained (str, optional): As for `OpenCLIP`.
        cache_dir (str, optional): As for `OpenCLIP`.
        load_weights (bool): As for `OpenCLIP`.
        preprocess (Mapping | str, optional): As for `OpenCLIP`.
        quick_gelu (bool, optional): As for `OpenCLIP`.

    Raises:
        RuntimeError: If weights, model or tokenizer cannot be had.
    """
    weights = find_weights(
        model_name,
        pretrained,
        cache_dir,
        load_weights,
        preprocess,
        quick_gelu,
    )
    own_weights = model_name.startswith(('local-dir:', 'hf-hub:'))
    if load_weights and not own_weights and weights.path is None:
        print_log(
            f'{model_name}: pretrained=None, the weights are random.',
            logger='current',
        )
    try:
        config = read_config(model_name, cache_dir, bool(weights.preprocess))
        if quick_gelu is False and config.get('quick_gelu'):
            raise ValueError(
                'quick_gelu=False, but this architecture has QuickGELU: leave '
                'it out, or name the architecture without'
            )
        check_hub_text_tower(model_name, config['text_cfg'], cache_dir)
        with nullcontext() if load_weights else _no_warnings():
            model = open_clip.create_model(
                model_name,
                pretrained=weights.path,
                load_weights=load_weights,
                force_quick_gelu=bool(weights.quick_gelu),
                force_preprocess_cfg=weights.preprocess,
                force_custom_text=True,
                pretrained_text=False,
                require_pretrained=load_weights
                and (own_weights or weights.path is not None),
                cache_dir=cache_dir,
            )
        tokenizer = ClipTokenizer(model_name, cache_dir)
    except Exception as error:
        source = weights.path or pretrained or model_name
        reason = '\n'.join(str(error).splitlines()[:8])
        raise RuntimeError(
            f"Cannot load '{source}' as the CLIP '{model_name}': {reason}"
        ) from error
    quick = bool(weights.quick_gelu) or bool(config.get('quick_gelu'))
    config['quick_gelu'] = quick
    if weights.from_file and load_weights:
        _log_facts(model.visual, weights, quick_gelu is None)
    return model, tokenizer, config


def _log_facts(visual: nn.Module, weights: Weights, look: bool) -> None:
    """Say what was found out about a file of weights."""
    source = f'recognised as {weights.tag!r}' if weights.tag else 'unknown'
    how = ', '.join(f'{k} {v}' for k, v in weights.preprocess.items())
    print_log(
        f'{weights.path} ({source}): {how}; '
        f'quick_gelu={bool(weights.quick_gelu)}',
        logger='current',
    )
    if look and weights.quick_gelu is None:
        size, _ = preprocessing(visual)
        print_log(
            f'{weights.path}: nothing says whether these weights need '
            'QuickGELU, as some published ones of this architecture do; GELU '
            'is used. Features of an image differ by '
            f'{gelu_difference(visual, size):.3f} between the two (1.41: '
            'unrelated). Set quick_gelu=True (OpenAI, laion400m, dfn, '
            'metaclip ...) or quick_gelu=False to settle it.',
            logger='current',
            level=logging.WARNING,
        )


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Silence open_clip's warning that random weights are random."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def checkpoint_towers(visual: nn.Module, text: nn.Module) -> None:
    """Let both towers recompute activations in the backward pass.

    Args:
        visual (nn.Module): Image tower of open_clip.
        text (nn.Module): Text tower of open_clip.

    Raises:
        ValueError: If a tower does not support it.
    """
    if isinstance(visual, ModifiedResNet):
        raise ValueError(
            "grad_checkpointing=True: open_clip's ModifiedResNet, the image "
            'tower, does not support it. Set grad_checkpointing=False.'
        )
    # TimmModel's own method turns an error into a log line.
    trunk = visual.trunk if isinstance(visual, TimmModel) else visual
    trunk.set_grad_checkpointing(True)
    text.set_grad_checkpointing(True)


def to_channels_last(visual: nn.Module, config: dict) -> bool:
    """Keep an image tower channels-last, unless it is a MobileCLIP's.

    Args:
        visual (nn.Module): Image tower of open_clip, changed in place.
        config (dict): open_clip's ``model_cfg``.

    Returns:
        bool: Whether it is kept so.
    """
    trunk = config['vision_cfg'].get('timm_model_name', '')
    if '_mci' in trunk:
        # A training step was seen to end the process inside torch (CPU).
        print_log(
            f"channels_last=True is not used: {trunk}, MobileCLIP's image "
            "tower, trains with torch's default layout.",
            logger='current',
            level=logging.WARNING,
        )
        return False
    visual.to(memory_format=torch.channels_last)
    return True


def compile_towers(visual: nn.Module, text: nn.Module) -> None:
    """Compile both towers in place: the names of the parameters stay."""
    visual.compile()
    # The width of a batch of texts changes from step to step.
    getattr(text, 'transformer', text).compile(dynamic=True)


def preprocessing(visual: nn.Module) -> tuple[tuple[int, int], dict]:
    """Return the (height, width) of images, and how they are prepared."""
    facts = visual.preprocess_cfg
    size = facts['size']
    height, width = (size, size) if isinstance(size, int) else size
    return (height, width), {
        'mean': tuple(facts['mean']),
        'std': tuple(facts['std']),
        'interpolation': facts['interpolation'],
        'resize_mode': facts['resize_mode'],
    }
