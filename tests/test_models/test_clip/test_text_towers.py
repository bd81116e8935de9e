"""Narrow and padded texts agree in every kind of text tower."""

import json

import open_clip
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
)

from mmlatte.models.clip import OpenCLIP
from mmlatte.models.clip.text_encoding import width_is_free

WORDS = 'a photo of the river with green trees and old brown houses'.split()
TEXTS = ['a photo of a river', 'river', ' '.join(WORDS), 'the old houses']


def make_hf_files(folder, model_class, pad_id):
    """Write a tiny Hugging Face text model and its word tokenizer."""
    special = ['<s>', '<pad>', '</s>', '<unk>']
    if pad_id == 0:
        special = ['<pad>', '<s>', '</s>', '<unk>']
    vocab = {word: i for i, word in enumerate(special + WORDS)}
    inner = Tokenizer(models.WordLevel(vocab, unk_token='<unk>'))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(
        single='<s> $A </s>',
        special_tokens=[('<s>', vocab['<s>']), ('</s>', vocab['</s>'])],
    )
    PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token='<pad>',
        eos_token='</s>',
        bos_token='<s>',
        unk_token='<unk>',
    ).save_pretrained(folder)
    config_class = {BertModel: BertConfig, RobertaModel: RobertaConfig}
    config = config_class[model_class](
        vocab_size=len(vocab),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
        pad_token_id=pad_id,
    )
    config.save_pretrained(folder)


def make_clip(like, folder, text_cfg, **extra) -> OpenCLIP:
    """Write and load a CLIP folder: image tower as in `like`, own texts."""
    config = json.loads((like / 'open_clip_config.json').read_text())
    config['model_cfg'].update(text_cfg=text_cfg, **extra)
    torch.manual_seed(0)
    model = open_clip.model.CustomTextCLIP(**config['model_cfg'])
    folder.mkdir(exist_ok=True)
    (folder / 'open_clip_config.json').write_text(json.dumps(config))
    torch.save(model.state_dict(), folder / 'open_clip_model.pth')
    return OpenCLIP(f'local-dir:{folder}').eval()


def check_narrow_equals_padded(clip: OpenCLIP) -> torch.Tensor:
    """Compare features and gradients; return the narrow token ids."""
    clip = clip.double()
    tokens = [clip.tokenize(text) for text in TEXTS]
    narrow = clip.pad(tokens)
    padded = clip.tokenizer.pad(tokens, clip.context_length)
    assert narrow.shape[1] < padded.shape[1] == clip.context_length
    theirs = open_clip.get_tokenizer(clip.model_name)(TEXTS)
    torch.testing.assert_close(padded, theirs)

    weights = torch.randn(len(TEXTS), clip.embed_dim, dtype=torch.float64)
    results = []
    for ids in (narrow, padded):
        clip.zero_grad()
        features = clip.encode_text(ids)
        (features * weights).sum().backward()
        grads = [p.grad.clone() for p in clip.text.parameters()]
        results.append([features.detach(), *grads])
    for ours, reference in zip(*results, strict=True):
        torch.testing.assert_close(ours, reference, rtol=0, atol=1e-11)
    return narrow


@pytest.mark.parametrize(
    ('model_class', 'pad_id', 'pooler'),
    [
        (BertModel, 0, 'cls_last_hidden_state_pooler'),
        (BertModel, 0, 'cls_pooler'),
        (RobertaModel, 1, 'mean_pooler'),
    ],
)
def test_hugging_face_towers(
    tiny_clip_dir, tmp_path, model_class, pad_id, pooler
):
    folder = tmp_path / 'clip'
    make_hf_files(folder, model_class, pad_id)
    clip = make_clip(
        tiny_clip_dir,
        folder,
        {
            'hf_model_name': str(folder),
            'hf_tokenizer_name': str(folder),
            'hf_model_pretrained': False,
            'hf_pooler_type': pooler,
            'hf_proj_type': 'mlp',
            'context_length': 20,
        },
    )
    assert clip.context_length == 20
    assert clip.tokenizer.pad_id == pad_id
    assert width_is_free(clip.text)
    narrow = check_narrow_equals_padded(clip)
    assert (narrow == pad_id).any()


def test_siglip_tower_keeps_its_width(tiny_clip_dir, tmp_path):
    """Not causal and pooled at the last position: padding counts."""
    folder = tmp_path / 'clip'
    make_hf_files(folder, BertModel, 0)
    clip = make_clip(
        tiny_clip_dir,
        folder,
        {
            'hf_tokenizer_name': str(folder),
            'context_length': 16,
            'vocab_size': 64,
            'width': 16,
            'heads': 2,
            'layers': 2,
            'no_causal_mask': True,
            'pool_type': 'last',
            'proj_bias': True,
        },
        init_logit_bias=-10,
    )
    assert not width_is_free(clip.text)
    check_narrow_equals_padded(clip)
    # The bias of the sigmoid loss would be an unused parameter.
    assert not clip.logit_bias.requires_grad
    assert clip.logit_scale.requires_grad


def test_causal_tower_with_its_own_end_token(tiny_clip_dir, tmp_path):
    folder = tmp_path / 'clip'
    make_hf_files(folder, BertModel, 0)
    clip = make_clip(
        tiny_clip_dir,
        folder,
        {
            'hf_tokenizer_name': str(folder),
            'context_length': 16,
            'vocab_size': 64,
            'width': 16,
            'heads': 2,
            'layers': 2,
            'pool_type': 'eos',
            'eos_id': 2,
        },
    )
    assert width_is_free(clip.text)
    check_narrow_equals_padded(clip)


def test_siglip_models_of_open_clip_keep_their_width():
    for name in open_clip.list_models():
        config = open_clip.get_model_config(name)['text_cfg']
        if 'SigLIP' in name:
            assert config['no_causal_mask'] and config['pool_type'] == 'last'
