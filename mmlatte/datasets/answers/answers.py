"""Labels of a few images: the only ones a fit may see."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mmlatte.datasets.answers.answer import NONE, SKIP, Answer
from mmlatte.datasets.answers.answer_arrays import NONE_LABEL, AnswerArrays
from mmlatte.datasets.answers.problems import Problems

__all__ = ['Answers']


@dataclass(frozen=True)
class Answers:
    """Answers about images, at most one of each annotator about each image.

    The same answer given twice counts once. Several annotators may disagree;
    all their answers are kept.

    Args:
        items (Sequence[Answer]): The answers.

    Raises:
        AnswersError: If one annotator gives an image two classes.

    Examples:
        >>> answers = Answers([Answer('1.jpg', 'cat'), Answer('2.jpg', NONE)])
        >>> arrays = answers.arrays(['1.jpg', '2.jpg'], ['dog', 'cat'])
        >>> arrays.labels.tolist()
        [1, -1]
    """

    items: Sequence[Answer] = ()

    def __post_init__(self) -> None:
        kept: dict[tuple[str, str], Answer] = {}
        problems = Problems()
        for answer in self.items:
            known = kept.setdefault((answer.image, answer.source), answer)
            if known.class_name != answer.class_name:
                problems.add(
                    f'{_where(known)} and {_where(answer)}',
                    f'image {answer.image!r} is {known.class_name!r} and '
                    f'{answer.class_name!r}, both from {answer.source!r}; '
                    'keep one of them',
                )
        problems.check()
        object.__setattr__(self, 'items', tuple(kept.values()))

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def merge(self, other: 'Answers') -> 'Answers':
        """Return the answers of both.

        Raises:
            AnswersError: If one annotator gives an image two classes.
        """
        return Answers([*self.items, *other.items])

    def count_sources(self) -> dict[str, int]:
        """Number of answers of each annotator, most first; no skips."""
        given = (a.source for a in self.items if a.class_name != SKIP)
        return dict(Counter(given).most_common())

    def count_classes(self) -> dict[str, int]:
        """Number of answers per class, most first, with NONE and SKIP."""
        return dict(Counter(a.class_name for a in self.items).most_common())

    def new_classes(self, class_names: Sequence[str]) -> list[str]:
        """Names that occur and are not among the classes, first one first."""
        known = {*class_names, NONE, SKIP}
        names = dict.fromkeys(answer.class_name for answer in self.items)
        return [name for name in names if name not in known]

    def arrays(
        self, ids: Sequence[str], class_names: Sequence[str]
    ) -> AnswerArrays:
        """Return arrays for a fit.

        Args:
            ids (Sequence[str]): Ids of all N samples, in the fit's order.
            class_names (Sequence[str]): The classes, in the fit's order.

        Raises:
            AnswersError: If an answer is about another image or class.
        """
        wanted = {answer.image for answer in self.items}
        rows = {name: i for i, name in enumerate(ids) if name in wanted}
        labels = {name: i for i, name in enumerate(class_names)}
        labels[NONE] = NONE_LABEL
        self._check(rows, labels)
        given = [a for a in self.items if a.class_name != SKIP]
        skipped = {rows[a.image] for a in self.items if a.class_name == SKIP}
        sources = {name: i for i, name in enumerate(self.count_sources())}
        return AnswerArrays(
            rows=np.array([rows[a.image] for a in given], np.int64),
            labels=np.array([labels[a.class_name] for a in given], np.int64),
            confidences=np.array([a.confidence for a in given], np.float32),
            annotators=np.array([sources[a.source] for a in given], np.int64),
            sources=tuple(sources),
            skipped=np.array(sorted(skipped), np.int64),
        )

    def _check(self, rows: dict[str, int], labels: dict[str, int]) -> None:
        problems = Problems()
        for answer in self.items:
            if answer.image not in rows:
                problems.add(
                    _where(answer),
                    f'image {answer.image!r} is not among the samples; '
                    'read the answers with the ids of this data root',
                )
            if answer.class_name not in labels and answer.class_name != SKIP:
                problems.add(
                    _where(answer),
                    f'class {answer.class_name!r} is not among the classes; '
                    'add it to them (new_classes lists all such names)',
                )
        problems.check()


def _where(answer: Answer) -> str:
    return answer.where or f'answer of {answer.source!r}'
