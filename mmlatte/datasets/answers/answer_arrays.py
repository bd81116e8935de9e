from dataclasses import dataclass

import numpy as np

from mmlatte.datasets.answers.answer import LMM_SOURCE
from mmlatte.fits.answers import NONE, SKIP, GivenAnswers

__all__ = ['NONE_LABEL', 'AnswerArrays']

#: Label of an image that shows none of the classes.
NONE_LABEL = NONE


@dataclass(frozen=True)
class AnswerArrays:
    """Answers as a fit wants them; A answers, in the order they were given.

    Args:
        rows (np.ndarray): int64 (A,), numbers of the answered samples; one
            that several annotators answered is there several times.
        labels (np.ndarray): int64 (A,), class numbers, ``NONE_LABEL`` for
            none of the classes.
        confidences (np.ndarray): float32 (A,), from 0 to 1.
        annotators (np.ndarray): int64 (A,), numbers of the ``sources``.
        sources (tuple[str, ...]): The annotators.
        skipped (np.ndarray): int64 (S,), samples somebody skipped, sorted.
    """

    rows: np.ndarray
    labels: np.ndarray
    confidences: np.ndarray
    annotators: np.ndarray
    sources: tuple[str, ...]
    skipped: np.ndarray

    def one_each(self) -> GivenAnswers:
        """Return one answer for every image, as a fit wants it.

        Where a person answered, the answers of LMMs do not count. Of the
        others, the label with the largest sum of confidences counts; its
        confidence is its share of the sum, times the largest of those who
        gave it.

        Examples:
            >>> arrays = AnswerArrays(
            ...     rows=np.array([4, 4, 4]),
            ...     labels=np.array([0, 1, 1]),
            ...     confidences=np.array([0.9, 0.8, 0.6], np.float32),
            ...     annotators=np.arange(3),
            ...     sources=('a', 'b', 'c'),
            ...     skipped=np.zeros(0, np.int64),
            ... )
            >>> given = arrays.one_each()
            >>> given.labels.tolist(), given.confidence.round(3).tolist()
            ([1], [0.487])
        """
        names = np.array([s.startswith(LMM_SOURCE) for s in self.sources])
        machine = names[self.annotators] if len(names) else self.rows < 0
        kept = ~(machine & np.isin(self.rows, self.rows[~machine]))
        rows, image = np.unique(self.rows[kept], return_inverse=True)
        # Every label that an image was given, once.
        pairs, at = np.unique(
            np.stack([image, self.labels[kept]]), axis=1, return_inverse=True
        )
        at = at.reshape(-1)  # NumPy 2.0 keeps a dimension
        given = self.confidences[kept].astype(np.float64)
        sums = np.bincount(at, given, pairs.shape[1])
        top = np.zeros(pairs.shape[1])
        np.maximum.at(top, at, given)
        # Of an image, the largest sum first; of equal ones, the first label.
        order = np.lexsort((pairs[1], -sums, pairs[0]))
        best = order[np.searchsorted(pairs[0][order], np.arange(len(rows)))]
        total = np.bincount(pairs[0], sums, len(rows))
        labels = pairs[1][best]
        confidence = top[best] * sums[best] / np.where(total > 0, total, 1)
        skipped = np.setdiff1d(self.skipped, rows)
        return GivenAnswers(
            np.concatenate([rows, skipped]),
            np.concatenate([labels, np.full(len(skipped), SKIP)]),
            np.concatenate([confidence, np.ones(len(skipped))]),
        )
