from functools import lru_cache

import open_clip
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


class ClipTokenizer:
    """Text to token ids without padding; small enough to send to workers.

    Pickling keeps the model's name only: a worker process loads the
    vocabulary (it ships with open_clip, or lies in the hub's cache) at its
    first text. Results are cached per text, so every call for the same text
    returns the same tensor: do not modify it.

    Args:
        model_name (str): As for :class:`OpenCLIP`.
        cache_dir (str, optional): Where a hub tokenizer is kept.
        cache_size (int): Texts kept in memory. Defaults to 50,000.

    Examples:
        >>> ClipTokenizer('ViT-B-32')('a photo of a forest.').tolist()
        [49406, 320, 1125, 539, 320, 4167, 269, 49407]
    """

    def __init__(
        self,
        model_name: str,
        cache_dir: str | None = None,
        cache_size: int = 50_000,
    ) -> None:
        self.model_name = model_name
        self.cache_dir = cache_dir
        self.cache_size = cache_size
        self._load()

    def __call__(self, text: str) -> Tensor:
        """Tokenize one text.

        Args:
            text (str): Any text; longer ones are truncated.

        Returns:
            Tensor: (l,) token ids with start and end token, int64,
            ``l <= context_length``.
        """
        if self._cached is None:
            self._load()
        return self._cached(text)

    def is_cut(self, text: str) -> bool:
        """Whether a text is longer than the context.

        Args:
            text (str): Any text.
        """
        if len(self(text)) < self.context_length:
            return False
        # A token is a character or more, and two mark start and end.
        width = max(self.context_length, 4 * len(text)) + 3
        ids = self.inner([text], context_length=width)
        return int(self.lengths(ids)) > self.context_length

    def pad(self, tokens: list[Tensor], length: int | None = None) -> Tensor:
        """Stack token ids, padded on the right.

        Args:
            tokens (list[Tensor]): U vectors of token ids.
            length (int, optional): The width. Defaults to the longest.

        Returns:
            Tensor: (U, length) token ids, int64.
        """
        if not tokens:
            return torch.zeros(0, length or 0, dtype=torch.long)
        padded = pad_sequence(
            [torch.as_tensor(ids) for ids in tokens],
            batch_first=True,
            padding_value=self.pad_id,
        )
        missing = (length or 0) - padded.shape[1]
        return F.pad(padded, (0, max(0, missing)), value=self.pad_id)

    def lengths(self, tokens: Tensor) -> Tensor:
        """Return the number of tokens before the padding.

        Args:
            tokens (Tensor): (U, L) token ids, padded on the right.

        Returns:
            Tensor: (U,) lengths, at least 1.
        """
        count = torch.arange(1, tokens.shape[1] + 1, device=tokens.device)
        lengths = (count * (tokens != self.pad_id)).amax(dim=1)
        if self._pad_ends_text:
            lengths = (lengths + 1).clamp(max=tokens.shape[1])
        return lengths.clamp(min=1)

    @property
    def inner(self):
        """open_clip's own tokenizer of the model."""
        if self._tokenizer is None:
            self._load()
        return self._tokenizer

    def _load(self) -> None:
        self._tokenizer = _tokenizer(self.model_name, self.cache_dir)
        self.context_length: int = self._tokenizer.context_length
        inner = getattr(self._tokenizer, 'tokenizer', None)
        self.pad_id: int = (inner and inner.pad_token_id) or 0
        # Some vocabularies pad with the end token: the first one is text.
        self._pad_ends_text = bool(inner) and (
            inner.pad_token_id == inner.eos_token_id
        )
        self._cached = lru_cache(self.cache_size)(self._tokenize)

    def _tokenize(self, text: str) -> Tensor:
        ids = self._tokenizer(text)
        return ids[0, : int(self.lengths(ids))].clone()

    def __getstate__(self) -> dict:
        state = dict(self.__dict__)
        state['_tokenizer'] = state['_cached'] = None
        return state


@lru_cache(4)
def _tokenizer(model_name: str, cache_dir: str | None):
    # A run builds its CLIP several times, and a vocabulary takes 0.3 s.
    return open_clip.get_tokenizer(model_name, cache_dir=cache_dir)
