"""What CLIP says of other words, kept while it learns (arXiv 2207.09248)."""

from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from mmpretrain.structures import DataSample
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor

from mmlatte.fits import FrozenFeatures
from mmlatte.models.clip.text_encoding import to_device
from mmlatte.models.global_batch import GlobalBatch
from mmlatte.models.memory import AnyShapeBuffers
from mmlatte.models.sample_rows import sample_indices
from mmlatte.registry import MODELS

from .self_training import masked_mean

__all__ = ['VocabularyReplay', 'random_words', 'replay_divergence']

#: Of the logits, as of the published loss.
TEMPERATURE = 2.0


def random_words(count: int, seed: int = 0) -> list[str]:
    """Draw words of four letters or more from the vocabulary of CLIP.

    Args:
        count (int): How many.
        seed (int): Of the draw.

    Raises:
        ValueError: If there are not so many.

    Examples:
        >>> len(random_words(128)), random_words(3) == random_words(3)
        (128, True)
    """
    ends = '</w>'  # what a token of a whole word ends with
    words = sorted(
        token.removesuffix(ends)
        for token in SimpleTokenizer().encoder
        if token.endswith(ends)
        and token.isascii()
        and token.removesuffix(ends).isalpha()
        and len(token) >= 4 + len(ends)
    )
    if not 2 <= count <= len(words):
        raise ValueError(
            f'words={count}: draw between 2 and {len(words)} words, or name a '
            'text file with a word a line'
        )
    draw = np.random.default_rng(seed)
    return [*draw.choice(np.array(words), count, replace=False).tolist()]


def replay_divergence(
    now: Tensor, before: Tensor, texts: Tensor, scale: Tensor | float
) -> Tensor:
    r"""Compare what two image towers say of the same words.

    .. math:: KL(\mathrm{softmax}(s f_0(x) V^T / 2)\,\|\,
        \mathrm{softmax}(s f(x) V^T / 2))

    Args:
        now (Tensor): :math:`f(x)`, unit rows, (B, D).
        before (Tensor): :math:`f_0(x)`, likewise.
        texts (Tensor): :math:`V`, unit rows, (K, D).
        scale (Tensor | float): :math:`s`.

    Returns:
        Tensor: For every image, (B,).
    """
    s = scale / TEMPERATURE
    expected = F.log_softmax(s * before @ texts.T, dim=1)
    found = F.log_softmax(s * now @ texts.T, dim=1)
    return (expected.exp() * (expected - found)).sum(dim=1)


@MODELS.register_module()
class VocabularyReplay(AnyShapeBuffers):
    """A loss term against forgetting: VR-LwF (arXiv 2207.09248).

    Images are compared with the text features of random words, by the model
    and by frozen CLIP (`replay_divergence`); the texts are encoded once,
    before training, and a checkpoint keeps them. Frozen CLIP's features are
    those of the images without augmentation, which are known already.

    Args:
        words (int | str): How many words are drawn, or a text file with one
            a line. Defaults to 128.
        weight (float): Of the loss. Defaults to 1.
        seed (int): Of the words. Defaults to 0.

    Attributes:
        digest (Tensor): Of the words, int64.
        texts (Tensor): Unit text features of the K words, (K, D).
        scale (Tensor): Of the frozen CLIP.
    """

    digest: Tensor
    texts: Tensor
    scale: Tensor

    def __init__(
        self, words: int | str = 128, weight: float = 1.0, seed: int = 0
    ) -> None:
        super().__init__()
        if weight <= 0:
            raise ValueError(f'replay.weight={weight} must be positive')
        self.weight = weight
        self.words = (
            random_words(words, seed)
            if isinstance(words, int)
            else _read_words(words)
        )
        digest = blake2b('\n'.join(self.words).encode(), digest_size=8)
        number = int.from_bytes(digest.digest(), 'big', signed=True)
        self.register_buffer('digest', torch.tensor(number))
        self.register_buffer('texts', torch.zeros(0, 0))
        self.register_buffer('scale', torch.zeros(()))

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        """Refuse the texts of other words."""
        loaded = state_dict.get(f'{prefix}digest')
        if loaded is not None and int(loaded) != int(self.digest):
            raise ValueError(
                'model.replay.words: the checkpoint holds the texts of other '
                'words; name its words and seed'
            )
        super()._load_from_state_dict(state_dict, prefix, *args)

    @torch.no_grad()
    def reset(self, clip) -> None:
        """Encode the words with a CLIP that is not trained yet.

        Args:
            clip (OpenCLIP): The CLIP.
        """
        self.texts = clip.encode_texts(self.words)
        self.scale = clip.scale.detach().clone()

    def forward(
        self,
        now: Tensor,
        frozen: FrozenFeatures | None,
        data_samples: list[DataSample],
        batch: GlobalBatch,
        valid: Tensor,
    ) -> Tensor:
        """Return the weighted mean over the valid samples, a scalar.

        Args:
            now (Tensor): Unit features of all ranks, (B, D).
            frozen (FrozenFeatures | None): Of all training images.
            data_samples (list[DataSample]): Of this rank.
            batch (GlobalBatch): Of all ranks.
            valid (Tensor): Samples that count, (B,) bool.

        Raises:
            RuntimeError: If there are no frozen features.
        """
        if frozen is None:
            raise RuntimeError(
                'model.replay needs the features of frozen CLIP; add '
                'mmlatte.FrozenFeaturesHook (configs/_base_/method_runtime.py)'
            )
        before = frozen.rows(sample_indices(data_samples).numpy())
        before = batch.gather(to_device(before, now.device).to(now))
        losses = replay_divergence(
            now, before, self.texts.to(now), self.scale.to(now)
        )
        return self.weight * masked_mean(losses, valid)


def _read_words(path: str) -> list[str]:
    lines = Path(path).expanduser().read_text('utf-8').splitlines()
    words = [line.strip() for line in lines if line.strip()]
    if len(words) < 2:
        raise ValueError(f'{path}: two words or more are needed, one a line')
    return words
