"""The LMM path with a random tiny LLaVA, in full precision and in 4 bits."""

import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from .sizes import Size

TEMPLATE = (
    "{% for m in messages %}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image> {% else %}{{ c['text'] }} "
    '{% endif %}{% endfor %}{% endfor %}'
)
WORDS = '<pad> <unk> <s> </s> <image> describe this image what is it'.split()
TEXTS = 16


def language_model(size: Size) -> Iterator[tuple[str, str]]:
    """Have it describe a few images."""
    if find_spec('transformers') is None:
        yield 'tiny LLaVA', 'skipped: not installed: transformers'
        return
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder))
        yield 'tiny LLaVA', _describe(folder, size, False)
        what = 'tiny LLaVA, 4 bits'
        if find_spec('bitsandbytes') is None:
            yield what, 'skipped: not installed: bitsandbytes'
        elif size.device == 'cpu':
            yield what, 'skipped: needs a GPU'
        else:
            yield what, _describe(folder, size, True)


def _describe(folder: str, size: Size, load_in_4bit: bool) -> str:
    from mmlatte.lmm import LMMRequest, TransformersLMM

    lmm = TransformersLMM(
        folder,
        max_new_tokens=8,
        device=size.device,
        load_in_4bit=load_in_4bit,
    )
    requests = [
        LMMRequest(
            f'{number}.jpg',
            'image',
            'describe this image',
            lambda number=number: Image.new('RGB', (64, 64), (number, 99, 7)),
        )
        for number in range(TEXTS)
    ]
    start = time.perf_counter()
    answers = [a for batch in lmm.generate(requests) for a in batch]
    spent = time.perf_counter() - start
    errors = [answer.error for answer in answers if answer.error]
    lmm.close()
    if errors or len(answers) != TEXTS:
        return f'failed: {len(answers)} of {TEXTS} texts; {errors[:1]}'
    return f'{TEXTS} texts in {spent:.1f} s, loading included'


def _write(folder: Path) -> None:
    """Write model, tokenizer and processor as transformers keeps them."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )

    vocabulary = {word: number for number, word in enumerate(WORDS)}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token='<unk>'))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token='<pad>',
        unk_token='<unk>',
        bos_token='<s>',
        eos_token='</s>',
        additional_special_tokens=['<image>'],
    )
    sizes = dict(num_hidden_layers=2, num_attention_heads=4)
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=64,
            intermediate_size=128,
            image_size=32,
            patch_size=8,
            **sizes,
        ),
        text_config=LlamaConfig(
            vocab_size=len(WORDS),
            hidden_size=64,
            intermediate_size=128,
            pad_token_id=0,
            bos_token_id=2,
            eos_token_id=3,
            **sizes,
        ),
        image_token_index=WORDS.index('<image>'),
    )
    torch.manual_seed(0)
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    side = dict(height=32, width=32)
    images = CLIPImageProcessor(size=dict(shortest_edge=32), crop_size=side)
    LlavaProcessor(
        image_processor=images,
        tokenizer=tokenizer,
        patch_size=8,
        vision_feature_select_strategy='default',
        chat_template=TEMPLATE,
        num_additional_image_tokens=1,
    ).save_pretrained(folder)
