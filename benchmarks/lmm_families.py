"""Processors of the families of LMMs, from their settings, without weights.

The settings are those of the published models; the tokenizer knows their
special tokens and little else, so that nothing is downloaded.
"""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from transformers.models.smolvlm import processing_smolvlm

__all__ = ['FAMILIES', 'build', 'save_tiny']

SPECIAL = dict(
    image_token='<image>',
    video_token='<video>',
    boi_token='<boi>',
    eoi_token='<eoi>',
    start_image_token='<img>',
    end_image_token='</img>',
    context_image_token='<context>',
    vision_start_token='<vision>',
    vision_end_token='</vision>',
    fake_image_token='<fake_token_around_image>',
    global_image_token='<global-img>',
    end_of_utterance_token='<end_of_utterance>',
)
PIXTRAL = ['[IMG]', '[IMG_BREAK]', '[IMG_END]']
GRID = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]
TEMPLATE = (
    "{% for m in messages %}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}IMAGE{% elif c['type'] == 'video' %}<video>"
    "{% else %} {{ c['text'] }}{% endif %}{% endfor %}{% endfor %}"
)


def tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer of special tokens and a hundred words."""
    plain = ['<pad>', '<s>', '</s>', '<unk>']
    names = [*plain, *SPECIAL.values(), *PIXTRAL]
    known = [*names, *(f'word{number}' for number in range(100))]
    words = {name: number for number, name in enumerate(known)}
    made = Tokenizer(models.WordLevel(words, unk_token='<unk>'))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.add_special_tokens(names)
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token='<pad>',
        bos_token='<s>',
        eos_token='</s>',
        unk_token='<unk>',
        extra_special_tokens=SPECIAL,
    )


def _t(name: str) -> Any:
    return getattr(transformers, name)


def _crop(name: str, side: int = 336, **options) -> Any:
    size = {'height': side, 'width': side}
    return _t(name)(size={'shortest_edge': side}, crop_size=size, **options)


def _llava(name: str, image_processor: Any) -> Any:
    return _t(name)(
        image_processor,
        tokenizer(),
        patch_size=14,
        vision_feature_select_strategy='default',
        num_additional_image_tokens=1,
    )


def _onevision() -> Any:
    return _t('LlavaOnevisionProcessor')(
        _t('LlavaOnevisionImageProcessor')(),
        tokenizer(),
        _t('LlavaOnevisionVideoProcessor')(),
        num_image_tokens=729,
        vision_feature_select_strategy='full',
    )


def _by_size(name: str, image: str, video: str, **options) -> Any:
    return _t(name)(_t(image)(**options), tokenizer(), _t(video)())


def _smolvlm(name: str, side: int, per_crop: int) -> Any:
    kind = name.removesuffix('Processor')
    image = _t(f'{kind}ImageProcessor')(
        size={'longest_edge': 4 * side}, max_image_size={'longest_edge': side}
    )
    parts = [image, tokenizer()]
    if kind == 'SmolVLM':
        # It asks for num2words, to spell the number of a film's frames.
        processing_smolvlm.num2words = processing_smolvlm.num2words or str
        parts.append(_t('SmolVLMVideoProcessor')())
    return _t(name)(*parts, image_seq_len=per_crop)


def _internvl() -> Any:
    return _t('InternVLProcessor')(
        _t('GotOcr2ImageProcessor')(size={'height': 448, 'width': 448}),
        tokenizer(),
        _t('InternVLVideoProcessor')(),
        image_seq_length=256,
    )


def _gemma3() -> Any:
    image = _t('Gemma3ImageProcessor')(size={'height': 896, 'width': 896})
    return _t('Gemma3Processor')(image, tokenizer(), image_seq_length=256)


def _pixtral(patch: int, side: int, merge: int) -> Any:
    image = _t('PixtralImageProcessor')(
        size={'longest_edge': side},
        patch_size={'height': patch, 'width': patch},
    )
    return _t('PixtralProcessor')(
        image, tokenizer(), patch_size=patch, spatial_merge_size=merge
    )


def _perception_lm() -> Any:
    return _t('PerceptionLMProcessor')(
        video_processor=_t('PerceptionLMVideoProcessor')(),
        image_processor=_t('PerceptionLMImageProcessor')(),
        tokenizer=tokenizer(),
        patch_size=14,
    )


def _qwen(name: str, video: str, least: int, most: int, patch: int) -> Any:
    size = {'shortest_edge': least, 'longest_edge': most}
    options = dict(size=size, patch_size=patch)
    return _by_size(name, 'Qwen2VLImageProcessor', video, **options)


#: Name of a family -> its processor.
FAMILIES: dict[str, Callable[[], Any]] = {
    'LLaVA-1.5': lambda: _llava('LlavaProcessor', _crop('CLIPImageProcessor')),
    'LLaVA-NeXT': lambda: _llava(
        'LlavaNextProcessor',
        _crop('LlavaNextImageProcessor', image_grid_pinpoints=GRID),
    ),
    'LLaVA-OneVision': _onevision,
    'Qwen2-VL': lambda: _qwen(
        'Qwen2VLProcessor', 'Qwen2VLVideoProcessor', 3136, 12845056, 14
    ),
    'Qwen2.5-VL': lambda: _qwen(
        'Qwen2_5_VLProcessor', 'Qwen2VLVideoProcessor', 3136, 12845056, 14
    ),
    'Qwen3-VL': lambda: _qwen(
        'Qwen3VLProcessor', 'Qwen3VLVideoProcessor', 65536, 16777216, 16
    ),
    'SmolVLM-500M': lambda: _smolvlm('Idefics3Processor', 512, 64),
    'SmolVLM2-500M': lambda: _smolvlm('SmolVLMProcessor', 512, 64),
    'Idefics3-8B': lambda: _smolvlm('Idefics3Processor', 364, 169),
    'InternVL3': _internvl,
    'Gemma3': _gemma3,
    'Pixtral': lambda: _pixtral(16, 1024, 1),
    'Mistral-Small-3.1': lambda: _pixtral(14, 1540, 2),
    'GLM-4V': lambda: _by_size(
        'Glm4vProcessor', 'Glm4vImageProcessor', 'Glm4vVideoProcessor'
    ),
    'Perception-LM': _perception_lm,
}


def build(family: str) -> tuple[Any, Any]:
    """Return a family's processor, and what it needs of the model's config."""
    processor = FAMILIES[family]()
    processor.chat_template = TEMPLATE.replace('IMAGE', processor.image_token)
    words = processor.tokenizer
    # Gemma3 calls the place of an image its image token.
    image = '<image>' if family == 'Gemma3' else processor.image_token
    facts = {
        'image_token_id': words.convert_tokens_to_ids(image),
        'video_token_id': words.convert_tokens_to_ids('<video>'),
    }
    config = SimpleNamespace(image_grid_pinpoints=None, to_dict=lambda: facts)
    return processor, config


def save_tiny(
    family: str, processor: Any, folder: Path, width: int = 16, layers: int = 2
) -> None:
    """Save a model of a family with random weights, and its processor.

    Args:
        family (str): LLaVA-NeXT, LLaVA-OneVision or SmolVLM-500M.
        processor (Any): Of `build`.
        folder (Path): Where.
        width (int): Channels of both towers.
        layers (int): Layers of both towers.
    """
    words = processor.tokenizer
    tower = dict(
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=2,
    )
    text = dict(
        tower,
        model_type='llama',
        vocab_size=len(words),
        num_key_value_heads=2,
        max_position_embeddings=8192,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=None,
    )
    facts = processor.image_processor.to_dict()
    image = words.convert_tokens_to_ids('<image>')
    common: dict = dict(text_config=text, image_token_id=image)
    if family == 'LLaVA-NeXT':
        name = 'LlavaNext'
        vision = dict(model_type='clip_vision_model', image_size=336)
        common['image_grid_pinpoints'] = facts['image_grid_pinpoints']
    elif family == 'LLaVA-OneVision':
        name = 'LlavaOnevision'
        vision = dict(model_type='siglip_vision_model', image_size=384)
        vision['vision_use_head'] = False
        text['model_type'] = 'qwen2'
        common['video_token_id'] = words.convert_tokens_to_ids('<video>')
    else:
        name = 'Idefics3'
        vision = dict(image_size=512, patch_size=16)
        common['scale_factor'] = 4
    vision = {'patch_size': 14, **tower, **vision}
    config = _t(f'{name}Config')(vision_config=vision, **common)
    model = _t(f'{name}ForConditionalGeneration')(config)
    for weights in model.parameters():
        if weights.ndim > 1:
            # Large enough that the picture decides the words.
            torch.nn.init.normal_(weights, std=3 / width**0.5)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
