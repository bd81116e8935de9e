"""The texts of the training images, for the workers that load them."""

from collections.abc import Sequence

import numpy as np

from mmlatte.lmm.store.text_store import TextStore

from .groups import ClassIndex

__all__ = ['TrainingTexts']


class TrainingTexts:
    """Zero-shot label, image text and group text of a sample.

    Holds int arrays only; texts are read from the store when they are
    needed. An image with several texts (one per image prompt) gives a random
    one; the group text is that of a random image of the same zero-shot
    class. Both are drawn from NumPy's global generator each time. A failed
    text is replaced by the class text of the zero-shot class.

    Args:
        labels (np.ndarray): int (N,), zero-shot labels; a memmap will do.
        class_texts (Sequence[str]): (C,), a text per class.
        store (TextStore | None): Where the texts are.
        image_rows (np.ndarray | None): int64 (P, N), rows in the store, -1
            where there is no text; None if image texts are off.
        group_rows (np.ndarray | None): int64 (N,), likewise.
    """

    def __init__(
        self,
        labels: np.ndarray,
        class_texts: Sequence[str],
        store: TextStore | None = None,
        image_rows: np.ndarray | None = None,
        group_rows: np.ndarray | None = None,
    ) -> None:
        self.labels = labels
        self.class_texts = list(class_texts)
        self.store = store
        self.image_rows = image_rows
        self.group_rows = group_rows
        self._classes = ClassIndex(labels, len(self.class_texts))

    def __len__(self) -> int:
        return len(self.labels)

    def label(self, index: int) -> int:
        """Zero-shot label of a sample."""
        return int(self.labels[index])

    def image_text(self, index: int) -> str | None:
        """A text about the sample; None if image texts are off."""
        if self.image_rows is None:
            return None
        rows = self.image_rows[:, index]
        rows = rows[rows >= 0]
        if len(rows) > 1:
            rows = rows[np.random.randint(len(rows), size=1)]
        return self._text(rows, index)

    def group_text(self, index: int) -> str | None:
        """A text about the sample's class; None if group texts are off."""
        if self.group_rows is None:
            return None
        members = self._classes.members(self.label(index))
        anchor = members[np.random.randint(len(members))]
        rows = self.group_rows[anchor : anchor + 1]
        return self._text(rows[rows >= 0], index)

    def _text(self, rows: np.ndarray, index: int) -> str:
        if not len(rows):
            return self.class_texts[self.label(index)]
        assert self.store is not None
        return self.store.text(int(rows[0]))
