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

    def given(self) -> GivenAnswers:
        """Return what everybody said, as a fit wants it.

        Where a person answered, the answers of LMMs do not count. Skipped
        images that somebody answered are left out.

        Examples:
            >>> arrays = AnswerArrays(
            ...     rows=np.array([4, 4]),
            ...     labels=np.array([0, 1]),
            ...     confidences=np.ones(2, np.float32),
            ...     annotators=np.arange(2),
            ...     sources=('a', 'b'),
            ...     skipped=np.array([4, 7]),
            ... )
            >>> given = arrays.given()
            >>> given.rows.tolist(), given.annotator.tolist()
            ([4, 4, 7], [0, 1, 0])
        """
        names = np.array([s.startswith(LMM_SOURCE) for s in self.sources])
        machine = names[self.annotators] if len(names) else self.rows < 0
        kept = ~(machine & np.isin(self.rows, self.rows[~machine]))
        skipped = np.setdiff1d(self.skipped, self.rows)
        count = len(skipped)
        return GivenAnswers(
            np.concatenate([self.rows[kept], skipped]),
            np.concatenate([self.labels[kept], np.full(count, SKIP)]),
            np.concatenate([self.confidences[kept], np.ones(count)]),
            np.concatenate([self.annotators[kept], np.zeros(count)]),
        )
