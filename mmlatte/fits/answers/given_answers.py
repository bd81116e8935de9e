from dataclasses import dataclass

import numpy as np

#: In place of a class: the image shows none of the classes, or nobody knows.
NONE, SKIP = -1, -2


@dataclass
class GivenAnswers:
    """What people (or a model) said that some images show.

    Args:
        rows (np.ndarray): The images, each at most once, int64 (Q,).
        labels (np.ndarray): Their classes, ``NONE`` for none of these, or
            ``SKIP`` for a question without answer, int64 (Q,).
        confidence (np.ndarray, optional): How probable every answer is to be
            right, in [0, 1]; 0 is as good as no answer. Defaults to 1.
        annotator (np.ndarray, optional): Who answered, (Q,), any integers.
            Defaults to one annotator.

    Examples:
        >>> answers = GivenAnswers([4, 7, 9], [0, NONE, SKIP])
        >>> len(answers), answers.used().rows.tolist()
        (3, [4, 7])
    """

    rows: np.ndarray
    labels: np.ndarray
    # Filled in where they are not given.
    confidence: np.ndarray = None  # type: ignore[assignment]
    annotator: np.ndarray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.rows = np.asarray(self.rows, np.int64).reshape(-1)
        self.labels = np.asarray(self.labels, np.int64).reshape(-1)
        count = len(self.rows)
        if self.confidence is None:
            self.confidence = np.ones(count)
        self.confidence = np.asarray(self.confidence, np.float64)
        if self.annotator is None:
            self.annotator = np.zeros(count)
        self.annotator = np.asarray(self.annotator, np.int64)
        for name in ('labels', 'confidence', 'annotator'):
            if getattr(self, name).shape != (count,):
                raise ValueError(
                    f'answers: {count} rows, but {name} of shape '
                    f'{getattr(self, name).shape}; give one for each row'
                )
        unique, times = np.unique(self.rows, return_counts=True)
        if (times > 1).any():
            raise ValueError(
                f'answers: image {unique[times > 1][0]} has '
                f'{times.max()} answers; keep one'
            )
        if not ((self.confidence >= 0) & (self.confidence <= 1)).all():
            raise ValueError('answers: confidence must be in [0, 1]')

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, which: np.ndarray) -> 'GivenAnswers':
        """Return some of the answers, by a mask or by indices."""
        return GivenAnswers(
            self.rows[which],
            self.labels[which],
            self.confidence[which],
            self.annotator[which],
        )

    def used(self) -> 'GivenAnswers':
        """Return the answers that say something: not skipped, not unsure."""
        return self.part((self.labels != SKIP) & (self.confidence > 0))

    def check(self, images: int, classes: int) -> None:
        """Compare with what there is to be answered.

        Raises:
            ValueError: If a row is no image, or a label no class.
        """
        wrong = (self.rows < 0) | (self.rows >= images)
        if wrong.any():
            raise ValueError(
                f'answers: there is no image {self.rows[wrong][0]}; there '
                f'are {images}'
            )
        wrong = (self.labels < SKIP) | (self.labels >= classes)
        if wrong.any():
            raise ValueError(
                f'answers: image {self.rows[wrong][0]} has label '
                f'{self.labels[wrong][0]}; there are {classes} classes'
            )
