"""Encode texts no wider than they are."""

import numpy as np
import torch
import torch.nn.functional as F
from open_clip.hf_model import (
    ClsLastHiddenStatePooler,
    ClsPooler,
    HFTextEncoder,
    MeanPooler,
)
from open_clip.transformer import TextTransformer
from torch import Tensor, nn

from .text_packing import pack_texts


def width_is_free(tower: nn.Module) -> bool:
    """Whether padding never reaches a tower's pooled feature.

    It does not in causal towers pooled at the end token (nothing before it
    attends behind it), nor in Hugging Face towers that mask padding in
    attention and pooling. SigLIP's towers are not causal and pool at the
    last position, padding or not.

    Args:
        tower (nn.Module): Text tower of open_clip.
    """
    if isinstance(tower, HFTextEncoder):
        poolers = (MeanPooler, ClsPooler, ClsLastHiddenStatePooler)
        return isinstance(tower.pooler, poolers)
    return _is_causal(tower)


def encode_tokens(
    tower: nn.Module, tokens: Tensor, context_length: int, pad_id: int
) -> Tensor:
    """Encode token ids of any width up to the context length.

    Tokens on the host are sent to the tower's device; for a causal tower
    several texts share a row, so that a short one costs its own length only.
    Tokens that are on a device already keep their layout, since reading their
    lengths would stop the device.

    Args:
        tower (nn.Module): Text tower of open_clip.
        tokens (Tensor): (U, L) token ids, padded on the right.
        context_length (int): Width the tower was trained at.
        pad_id (int): Id of the padding token.

    Returns:
        Tensor: (U, D) features, equal to those of the padded tokens.
    """
    device = next(tower.parameters()).device
    if _is_causal(tower):
        ends = _pooled_positions(tower, tokens)
        if tokens.device.type == 'cpu':
            return _encode_packed(tower, tokens, ends, device)
        return _encode_causal(tower, tokens, ends)
    missing = context_length - tokens.shape[1]
    if missing > 0 and not width_is_free(tower):
        tokens = F.pad(tokens, (0, missing), value=pad_id)
    features = tower(to_device(tokens, device))
    # CoCa's towers return the tokens too.
    return features[0] if isinstance(features, tuple) else features


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Send a tensor of the host to a device without waiting for the device.

    Args:
        tensor (Tensor): Any tensor; returned as it is if it is there already.
        device (torch.device): Where it is needed.
    """
    if tensor.device == device:
        return tensor
    if tensor.device.type == 'cpu' and device.type == 'cuda':
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def _is_causal(tower: nn.Module) -> bool:
    """Whether a feature depends on the tokens up to the pooled one only."""
    return (
        isinstance(tower, TextTransformer)
        and tower.attn_mask is not None
        and tower.cls_emb is None
        and tower.pool_type in ('argmax', 'eos', 'first')
    )


def _pooled_positions(tower: TextTransformer, tokens: Tensor) -> Tensor:
    """Position of the token whose output is the text's feature, (U,)."""
    if tower.pool_type == 'first':
        return torch.zeros_like(tokens[:, 0])
    if tower.pool_type == 'eos':
        tokens = (tokens == tower.eos_id).int()
    return tokens.argmax(dim=1)


def _encode_packed(
    tower: TextTransformer,
    tokens: Tensor,
    ends: Tensor,
    device: torch.device,
) -> Tensor:
    """Encode texts that share rows: each attends to itself only."""
    packing = pack_texts((ends + 1).numpy(), tower.width)
    ids, positions, texts = packing.lay_out(tokens.numpy())
    grid = torch.from_numpy(np.stack([ids, positions, texts]))
    ids, positions, texts = to_device(grid, device).unbind()
    if packing.one_text_per_row:
        mask = tower.attn_mask[: packing.width, : packing.width]
    else:
        other = texts.unsqueeze(2) != texts.unsqueeze(1)
        later = torch.ones_like(other).triu_(1)
        mask = torch.zeros(other.shape, device=device)
        mask = mask.masked_fill_(other | later, float('-inf'))
        mask = mask.repeat_interleave(tower.heads, dim=0)
    x = _transform(tower, ids, positions, mask)
    slots = to_device(torch.from_numpy(packing.slots(ends.numpy())), device)
    return _project(tower, x.flatten(0, 1)[slots])


def _encode_causal(
    tower: TextTransformer, tokens: Tensor, ends: Tensor
) -> Tensor:
    """Encode one text per row, at the width of the tokens."""
    width = tokens.shape[1]
    positions = torch.arange(width, device=tokens.device)
    x = _transform(tower, tokens, positions, tower.attn_mask[:width, :width])
    rows = torch.arange(len(tokens), device=tokens.device)
    return _project(tower, x[rows, ends])


def _transform(
    tower: TextTransformer, ids: Tensor, positions: Tensor, mask: Tensor
) -> Tensor:
    """Embed and transform (R, W) token ids, to (R, W, width)."""
    x = tower.token_embedding(ids)
    x = x + F.embedding(positions, tower.positional_embedding)
    dtype = tower.transformer.get_cast_dtype()
    return tower.transformer(x.to(dtype), attn_mask=mask)


def _project(tower: TextTransformer, x: Tensor) -> Tensor:
    """Turn the outputs at the pooled tokens (U, width) into (U, D)."""
    x = tower.ln_final(x)
    projection = tower.text_projection
    if projection is None:
        return x
    if isinstance(projection, nn.Linear):
        return projection(x)
    return x @ projection
