"""Local features of an image, from the towers that have them."""

import torch
import torch.nn.functional as F
from open_clip.timm_model import TimmModel
from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def encode_tokens_and_image(
    tower: nn.Module, images: Tensor
) -> tuple[Tensor, Tensor]:
    """Encode images and their parts in one pass.

    Of a vision transformer, a part is a patch: its value in the last block's
    attention instead of what that attention gathers from other patches
    (MaskCLIP, arXiv 2112.01071), through the rest of the block. Of a
    convolutional tower, it is a cell of the last grid.

    Args:
        tower (nn.Module): Image tower of open_clip.
        images (Tensor): (B, 3, H, W).

    Returns:
        tuple[Tensor, Tensor]: Image features as the tower gives them, (B, D),
        and tokens, (B, N, W), which `project_tokens` turns into features.

    Raises:
        TypeError: If the tower has no such parts, or LoRA wraps them.
    """
    if isinstance(tower, TimmModel):
        grid = tower.trunk.forward_features(images)
        if _is_grid(tower, grid):
            pooled = tower.head(tower.trunk.forward_head(grid))
            return pooled, grid.flatten(2).transpose(1, 2)
    elif _has_patches(tower):
        return _encode_transformer(tower, images)
    raise _no_parts(tower)


def project_tokens(tower: nn.Module, tokens: Tensor) -> Tensor:
    """Bring tokens (..., W) to the width of the image features, (..., D).

    Args:
        tower (nn.Module): Image tower of open_clip.
        tokens (Tensor): Any number of tokens.
    """
    if isinstance(tower, TimmModel):
        # A grid of one cell: a trunk's own head may norm and project.
        cells = tokens.reshape(-1, tokens.shape[-1], 1, 1)
        features = tower.head(tower.trunk.forward_head(cells))
        return features.reshape(*tokens.shape[:-1], -1)
    return tokens if tower.proj is None else tokens @ tower.proj


@torch.no_grad()
def token_width(tower: nn.Module) -> int:
    """Return W, the width of a tower's tokens.

    Args:
        tower (nn.Module): Image tower of open_clip.

    Raises:
        TypeError: If it has no tokens, see `encode_tokens_and_image`.
    """
    if isinstance(tower, TimmModel):
        modes = [(module, module.training) for module in tower.modules()]
        blank = next(tower.parameters()).new_zeros(1, 3, *tower.image_size)
        grid = tower.eval().trunk.forward_features(blank)
        for module, training in modes:
            module.training = training
        if _is_grid(tower, grid):
            return tower.trunk.num_features
    elif _has_patches(tower):
        _check_attention(tower.transformer.resblocks[-1])
        return tower.ln_post.normalized_shape[0]
    raise _no_parts(tower)


def _has_patches(tower: nn.Module) -> bool:
    return isinstance(tower, VisionTransformer) and tower.attn_pool is None


def _is_grid(tower: TimmModel, features: Tensor) -> bool:
    """Whether they are (B, W, h, w), which the trunk itself pools."""
    own_pool = 'pool' not in dict(tower.head.named_children())
    width = tower.trunk.num_features
    return features.ndim == 4 and features.shape[1] == width and own_pool


def _no_parts(tower: nn.Module) -> TypeError:
    kind = type(tower).__name__
    if isinstance(tower, TimmModel):
        kind += f' ({type(tower.trunk).__name__})'
    return TypeError(
        f'{kind} gives no tokens: microCLIP needs a vision transformer of '
        'open_clip without attention pool, or a convolutional tower of timm'
    )


def _encode_transformer(
    tower: VisionTransformer, images: Tensor
) -> tuple[Tensor, Tensor]:
    x = tower._embeds(images)
    batch_first = tower.transformer.batch_first
    if not batch_first:
        x = x.transpose(0, 1)
    *blocks, last = tower.transformer.resblocks
    again = tower.transformer.grad_checkpointing and torch.is_grad_enabled()
    for block in blocks:
        if again:
            x = checkpoint(block, x, use_reentrant=False)
        else:
            x = block(x)
    values, x = _value_path(last, x), last(x)
    if not batch_first:
        values, x = values.transpose(0, 1), x.transpose(0, 1)
    pooled, _ = tower._pool(x)
    if tower.proj is not None:
        pooled = pooled @ tower.proj
    return pooled, tower.ln_post(values)[:, 1:]


def _value_path(block: ResidualAttentionBlock, x: Tensor) -> Tensor:
    """Run a block as if every token attended to itself alone."""
    attention = _check_attention(block)
    width = x.shape[-1]
    weight = attention.in_proj_weight[2 * width :]
    bias = attention.in_proj_bias[2 * width :]
    values = attention.out_proj(F.linear(block.ln_1(x), weight, bias))
    x = x + block.ls_1(values)
    return x + block.ls_2(block.mlp(block.ln_2(x)))


def _check_attention(block: ResidualAttentionBlock) -> nn.MultiheadAttention:
    """Return the attention of a block, unless something wraps it."""
    attention = block.attn
    if not isinstance(attention, nn.MultiheadAttention):
        raise TypeError(
            'microCLIP reads the values of the last attention, which is '
            f'wrapped in {type(attention).__name__}: choose another '
            'model.clip.tuning than LoRA, such as mmlatte.NormTuning'
        )
    return attention
