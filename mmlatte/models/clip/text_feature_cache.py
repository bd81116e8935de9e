from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor

from .text_encoding import to_device


class TextFeatureCache:
    """Features of texts under a text tower that does not train.

    Holds the features of the last `capacity` distinct texts; older ones are
    computed again. The features live in one tensor on the tower's device,
    which doubles when it is full.

    Args:
        capacity (int): Number of texts, positive.

    Examples:
        >>> cache = TextFeatureCache(capacity=2)
        >>> texts = [torch.tensor([1, 2]), torch.tensor([3])]
        >>> encode = lambda texts: torch.stack([t[:1].float() for t in texts])
        >>> cache.lookup(texts, encode)
        tensor([[1.],
                [3.]])
        >>> cache.lookup(texts[1:], lambda texts: 1 / 0)
        tensor([[3.]])
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.clear()

    def clear(self) -> None:
        """Remove all features."""
        self._slots: OrderedDict[bytes, int] = OrderedDict()
        self._features: Tensor | None = None
        self._version = -1

    def __len__(self) -> int:
        return len(self._slots)

    def __deepcopy__(self, memo: dict) -> 'TextFeatureCache':
        """Return an empty cache: a copy of the model fills its own."""
        return TextFeatureCache(self.capacity)

    def __reduce__(self) -> tuple:
        return TextFeatureCache, (self.capacity,)

    @torch.no_grad()
    def lookup(
        self,
        texts: list[Tensor],
        encode: Callable[[list[Tensor]], Tensor],
        version: int = 0,
    ) -> Tensor:
        """Return the features of texts, computing those that are missing.

        Args:
            texts (list[Tensor]): U vectors of token ids, on the host.
            encode (Callable): From token ids of M texts to their features
                (M, D).
            version (int): State of the weights; features of another state
                are forgotten.

        Returns:
            Tensor: (U, D), without gradient.
        """
        if version != self._version:
            self.clear()
            self._version = version
        keys = [text.numpy().tobytes() for text in texts]
        distinct = dict(zip(keys, texts, strict=True))
        if len(distinct) > self.capacity:
            return encode(texts)
        missing = {}
        for key, text in distinct.items():
            if key in self._slots:
                self._slots.move_to_end(key)
            else:
                missing[key] = text
        if missing:
            features = encode(list(missing.values()))
            slots = [self._take_slot(key) for key in missing]
            self._grow(features)
            self._features[self._index(slots)] = features
        return self._features[self._index([self._slots[k] for k in keys])]

    def _take_slot(self, key: bytes) -> int:
        slot = len(self._slots)
        if slot == self.capacity:  # the place of the least recently used
            _, slot = self._slots.popitem(last=False)
        self._slots[key] = slot
        return slot

    def _grow(self, like: Tensor) -> None:
        size = 0 if self._features is None else len(self._features)
        if size >= len(self._slots):
            return
        size = min(self.capacity, max(1024, 2 * size, len(self._slots)))
        grown = like.new_empty(size, like.shape[1])
        if self._features is not None:
            grown[: len(self._features)] = self._features
        self._features = grown

    def _index(self, slots: list[int]) -> Tensor:
        return to_device(torch.tensor(slots), self._features.device)
