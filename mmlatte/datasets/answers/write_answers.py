"""Answers as a CSV file."""

import os
from collections.abc import Iterable

from mmlatte.datasets.answers.answer import Answer
from mmlatte.datasets.answers.formats import COLUMNS
from mmlatte.datasets.csv_rows import write_rows

__all__ = ['answer_row', 'write_answers']


def write_answers(path: str | os.PathLike, answers: Iterable[Answer]) -> None:
    """Write a CSV file ``image,class,confidence,annotator``, whole or not.

    A column ``when`` is added if an answer has a time. What the file held
    before is replaced; :class:`AnswersFile` adds to it.

    Args:
        path (str | os.PathLike): The file.
        answers (Iterable[Answer]): The answers.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp()) / 'answers.csv'
        >>> write_answers(path, [Answer('1.jpg', 'cat, big', 0.5)])
        >>> print(path.read_text().strip())
        image,class,confidence,annotator
        1.jpg,"cat, big",0.5,person
    """
    rows = [answer_row(answer) for answer in answers]
    width = len(COLUMNS) if any(row[-1] for row in rows) else 4
    write_rows(path, [COLUMNS[:width], *(row[:width] for row in rows)])


def answer_row(answer: Answer) -> list[str]:
    """Return the cells of an answer, in the order of the columns."""
    confidence = f'{answer.confidence:g}'
    if float(confidence) != answer.confidence:
        confidence = repr(float(answer.confidence))
    return [
        answer.image,
        answer.class_name,
        confidence,
        answer.source,
        answer.when,
    ]
