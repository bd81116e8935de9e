"""Building a CLIP of open_clip with its weights."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import open_clip
from mmengine.logging import print_log
from open_clip.modified_resnet import ModifiedResNet
from open_clip.timm_model import TimmModel
from torch import nn

from .clip_tokenizer import ClipTokenizer
from .weights import check_hub_text_tower, find_weights, read_config


def build_open_clip(
    model_name: str,
    pretrained: str | None,
    cache_dir: str | None,
    load_weights: bool,
) -> tuple[nn.Module, ClipTokenizer, dict]:
    """Return the model with its weights, its tokenizer and its config.

    Args:
        model_name (str): As for `OpenCLIP`.
        pretrained (str, optional): As for `OpenCLIP`.
        cache_dir (str, optional): As for `OpenCLIP`.
        load_weights (bool): As for `OpenCLIP`.

    Raises:
        RuntimeError: If weights, model or tokenizer cannot be had.
    """
    weights = find_weights(model_name, pretrained, cache_dir, load_weights)
    own_weights = model_name.startswith(('local-dir:', 'hf-hub:'))
    if load_weights and not own_weights and weights.path is None:
        print_log(
            f'{model_name}: pretrained=None, the weights are random.',
            logger='current',
        )
    try:
        config = read_config(model_name, cache_dir)
        check_hub_text_tower(model_name, config['text_cfg'], cache_dir)
        with nullcontext() if load_weights else _no_warnings():
            model = open_clip.create_model(
                model_name,
                pretrained=weights.path,
                load_weights=load_weights,
                force_quick_gelu=weights.quick_gelu,
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
    config['quick_gelu'] = weights.quick_gelu or bool(config.get('quick_gelu'))
    return model, tokenizer, config


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
