import torch
from torch import nn

from mmlatte.models.clip.text_encoding import encode_tokens

__all__ = ['encode_blank']


def encode_blank(clip: nn.Module, tower: str) -> None:
    """Send one blank input through a tower, for the hooks on its modules.

    Args:
        clip (nn.Module): The CLIP.
        tower (str): ``'visual'`` or ``'text'``.
    """
    training = clip.training
    clip.eval()
    with torch.no_grad():
        if tower == 'visual':
            like = next(clip.visual.parameters())
            clip.visual(like.new_zeros(1, 3, *clip.image_size))
        else:
            encode_tokens(
                clip.text,
                clip.pad([clip.tokenize('a')]),
                clip.context_length,
                clip.tokenizer.pad_id,
            )
    clip.train(training)
