"""Encode texts no wider than they are."""

import torch.nn.functional as F
from open_clip.hf_model import (
    ClsLastHiddenStatePooler,
    ClsPooler,
    HFTextEncoder,
    MeanPooler,
)
from open_clip.transformer import TextTransformer, text_global_pool
from torch import Tensor, nn


def width_is_free(tower: nn.Module) -> bool:
    """Whether padding never reaches a tower's pooled feature.

    It does not in causal towers pooled at the end token (nothing before it
    looks behind it), nor in Hugging Face towers that mask padding in
    attention and pooling. SigLIP's towers are not causal and pool at the
    last position, padding or not.

    Args:
        tower (nn.Module): Text tower of open_clip.
    """
    if isinstance(tower, HFTextEncoder):
        poolers = (MeanPooler, ClsPooler, ClsLastHiddenStatePooler)
        return isinstance(tower.pooler, poolers)
    return (
        isinstance(tower, TextTransformer)
        and tower.attn_mask is not None
        and tower.cls_emb is None
        and tower.pool_type in ('argmax', 'eos', 'first')
    )


def encode_tokens(
    tower: nn.Module, tokens: Tensor, context_length: int, pad_id: int
) -> Tensor:
    """Encode token ids of any width up to the context length.

    Args:
        tower (nn.Module): Text tower of open_clip.
        tokens (Tensor): (U, L) token ids, padded on the right.
        context_length (int): Width the tower was trained at.
        pad_id (int): Id of the padding token.

    Returns:
        Tensor: (U, D) features, equal to those of the padded tokens.
    """
    missing = context_length - tokens.shape[1]
    if missing > 0 and not width_is_free(tower):
        tokens = F.pad(tokens, (0, missing), value=pad_id)
    elif missing > 0 and isinstance(tower, TextTransformer):
        return _encode_causal(tower, tokens)
    features = tower(tokens)
    # CoCa's towers return the tokens too.
    return features[0] if isinstance(features, tuple) else features


def _encode_causal(tower: TextTransformer, tokens: Tensor) -> Tensor:
    """``tower(tokens)`` with the causal mask cut to the tokens' width.

    The tower itself hands its attention the mask of the full context.
    """
    width = tokens.shape[1]
    x = tower.token_embedding(tokens).to(tower.transformer.get_cast_dtype())
    x = x + tower.positional_embedding[:width].to(x.dtype)
    x = tower.transformer(x, attn_mask=tower.attn_mask[:width, :width])
    x = tower.ln_final(x)
    x = text_global_pool(x, tokens, tower.pool_type, tower.eos_id)
    projection = tower.text_projection
    if projection is None:
        return x
    if isinstance(projection, nn.Linear):
        return projection(x)
    return x @ projection
