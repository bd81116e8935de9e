"""Answers as a CSV file."""

import csv
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from mmlatte.atomic_file import atomic_file
from mmlatte.datasets.answers.answer import Answer
from mmlatte.datasets.answers.formats import COLUMNS

__all__ = ['answer_row', 'csv_line', 'write_answers', 'write_rows']


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


def write_rows(path: str | os.PathLike, rows: Iterable[Sequence[str]]) -> None:
    """Replace a CSV file by these rows."""
    with atomic_file(Path(path).expanduser()) as file:
        for row in rows:
            file.write(csv_line(row))


def csv_line(row: Sequence[str]) -> bytes:
    """Return a line of CSV; names of files may hold bytes of any kind."""
    line = io.StringIO(newline='')
    csv.writer(line).writerow(row)
    return line.getvalue().encode('utf-8', 'surrogateescape')
