"""Several texts in one row, so that short ones do not pay for long ones."""

from bisect import bisect_left, insort
from typing import NamedTuple

import numpy as np


class Packing(NamedTuple):
    """Where every text lies in a grid of R rows of W tokens.

    Attributes:
        lengths (np.ndarray): Length of every text, (U,).
        rows (np.ndarray): Its row, (U,).
        starts (np.ndarray): Its first column, (U,).
        num_rows (int): R.
        width (int): W.
    """

    lengths: np.ndarray
    rows: np.ndarray
    starts: np.ndarray
    num_rows: int
    width: int

    @property
    def one_text_per_row(self) -> bool:
        """bool: Whether nothing shares a row."""
        return self.num_rows == len(self.lengths)

    def slots(self, positions: np.ndarray) -> np.ndarray:
        """Return the place of one token per text in the flat grid, (U,).

        Args:
            positions (np.ndarray): Position of the token in its text, (U,).
        """
        return self.rows * self.width + self.starts + positions

    def lay_out(
        self, tokens: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Put the tokens into the grid.

        Args:
            tokens (np.ndarray): (U, L) token ids, padded on the right.

        Returns:
            tuple: Three int64 arrays (R, W): token ids (0 where nothing is),
            positions in the text (0), and numbers of the texts (-1).
        """
        text = np.repeat(np.arange(len(self.lengths)), self.lengths)
        before = np.cumsum(self.lengths) - self.lengths
        position = np.arange(len(text)) - before[text]
        slot = self.slots(np.zeros_like(self.rows))[text] + position
        size = self.num_rows * self.width
        ids = np.zeros(size, np.int64)
        positions = np.zeros(size, np.int64)
        texts = np.full(size, -1, np.int64)
        ids[slot] = tokens[text, position]
        positions[slot] = position
        texts[slot] = text
        shape = (self.num_rows, self.width)
        return (
            ids.reshape(shape),
            positions.reshape(shape),
            texts.reshape(shape),
        )


def pack_texts(lengths: np.ndarray, model_width: int) -> Packing:
    """Pack texts of given lengths into few rows.

    Rows are as wide as the longest text or twice as wide, whichever costs
    less: wide rows leave less room unused, but attention grows with them (by
    1 / (6 * model_width) of the other work per token of width).

    Args:
        lengths (np.ndarray): Length of every text, (U,), positive.
        model_width (int): Width of the transformer.

    Returns:
        Packing: No two texts overlap.

    Examples:
        >>> packing = pack_texts(np.array([3, 7, 4]), model_width=512)
        >>> packing.num_rows, packing.width
        (2, 7)
        >>> packing.rows.tolist(), packing.starts.tolist()
        ([1, 0, 1], [4, 0, 0])
    """
    lengths = np.asarray(lengths)
    longest = int(lengths.max())
    candidates = [_best_fit(lengths, longest * k) for k in (1, 2)]

    def cost(packing: Packing) -> float:
        attention = packing.width / (6 * model_width)
        return packing.num_rows * packing.width * (1 + attention)

    return min(candidates, key=cost)


def _best_fit(lengths: np.ndarray, width: int) -> Packing:
    """Place texts, longest first, where the least room stays free."""
    rows = np.zeros(len(lengths), np.int64)
    starts = np.zeros(len(lengths), np.int64)
    room: list[tuple[int, int]] = []  # (free columns, row), sorted
    num_rows = 0
    for text in np.argsort(-lengths, kind='stable').tolist():
        length = int(lengths[text])
        place = bisect_left(room, (length, -1))
        if place < len(room):
            free, row = room.pop(place)
        else:
            free, row = width, num_rows
            num_rows += 1
        rows[text], starts[text] = row, width - free
        if free > length:
            insort(room, (free - length, row))
    return Packing(lengths, rows, starts, num_rows, width)
