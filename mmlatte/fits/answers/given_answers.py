from dataclasses import dataclass

import numpy as np

#: In place of a class: the image shows none of the classes, or nobody knows.
NONE, SKIP = -1, -2


@dataclass
class GivenAnswers:
    """What people (or a model) said that some images show.

    Args:
        rows (np.ndarray): The images, each at most once of every annotator,
            int64 (Q,).
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
        pairs = np.stack([self.rows, self.annotator])
        unique, times = np.unique(pairs, axis=1, return_counts=True)
        if (times > 1).any():
            row, who = unique[:, times > 1][:, 0]
            raise ValueError(
                f'answers: image {row} has {times.max()} answers of annotator '
                f'{who}; keep one'
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

    def one_each(self) -> 'GivenAnswers':
        """Return one answer for every image.

        The label with the largest sum of confidences counts; its confidence
        is its share of the sum, times the largest of those who gave it.

        Examples:
            >>> answers = GivenAnswers(
            ...     [4, 4, 4], [0, 1, 1], [0.9, 0.8, 0.6], [0, 1, 2]
            ... )
            >>> one = answers.one_each()
            >>> one.labels.tolist(), one.confidence.round(3).tolist()
            ([1], [0.487])
        """
        if not len(self):
            return self
        images, own = np.unique(self.rows, return_inverse=True)
        names, said = np.unique(self.labels, return_inverse=True)
        sums, top = np.zeros((2, len(images), len(names)))
        np.add.at(sums, (own, said), self.confidence)
        np.maximum.at(top, (own, said), self.confidence)
        # Who gave an answer without confidence still gave one.
        given = np.full(sums.shape, -1.0)
        given[own, said] = sums[own, said]
        best = (np.arange(len(images)), given.argmax(axis=1))
        total = np.maximum(sums.sum(axis=1), 1e-300)
        confidence = top[best] * sums[best] / total
        return GivenAnswers(images, names[best[1]], confidence)

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
