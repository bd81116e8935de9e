import logging
import os
import threading
from datetime import datetime, timezone
from pathlib import Path

from filelock import FileLock, Timeout
from mmengine.logging import print_log

from mmlatte.datasets.answers.answer import WITHDRAWN, Answer
from mmlatte.datasets.answers.formats.table import (
    COLUMNS,
    read_text,
    records,
    whole_records,
)
from mmlatte.datasets.answers.problems import AnswersError
from mmlatte.datasets.answers.write_answers import answer_row
from mmlatte.datasets.csv_rows import csv_line, write_rows

__all__ = ['AnswersFile']


class AnswersFile:
    """A CSV file that grows by one answer at a time.

    What :meth:`put` was given is on disk when it returns, and nothing that
    was answered is ever overwritten: a later line about an image by the same
    annotator replaces the earlier one for readers
    (:func:`read_answers`), who may read at any time. One writer has the
    file; it may be called from several threads.

    A file that is there is continued. One that lacks the columns of this
    class gets them, its own are kept; lines that name no annotator become
    this one's.

    Args:
        path (str | os.PathLike): The file; its folder is created.
        annotator (str): Who answers. Defaults to 'person'.

    Raises:
        BlockingIOError: If another writer has the file.
        AnswersError: If the file that is there is no CSV file of answers.

    Examples:
        >>> import tempfile
        >>> from mmlatte.datasets.answers import read_answers
        >>> path = Path(tempfile.mkdtemp()) / 'answers.csv'
        >>> with AnswersFile(path) as file:
        ...     file.put('1.jpg', 'cat')
        ...     file.put('1.jpg', 'dog')
        >>> [a.class_name for a in read_answers(path, ['1.jpg'],
        ...                                     ['cat', 'dog'])]
        ['dog']
    """

    def __init__(
        self, path: str | os.PathLike, annotator: str = 'person'
    ) -> None:
        self.path = Path(path).expanduser()
        self.annotator = annotator
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = self.path.with_name(f'.{self.path.name}.lock')
        self._lock = FileLock(lock, timeout=0, thread_local=False)
        try:
            self._lock.acquire()
        except Timeout:
            raise BlockingIOError(
                f"'{self.path}' is being written by another process; end it "
                'first, or name another file'
            ) from None
        try:
            self._columns = self._prepare()
            # Appending: no line can take the place of another.
            self._file: int | None = os.open(
                self.path, os.O_WRONLY | os.O_APPEND
            )
        except BaseException:
            self._lock.release()
            raise
        self._mutex = threading.Lock()

    def put(
        self,
        image: str,
        class_name: str,
        confidence: float = 1.0,
        when: str = '',
    ) -> None:
        """Add an answer; it is durable when this returns.

        Args:
            image (str): Id of the sample.
            class_name (str): A class, ``NONE`` or ``SKIP``.
            confidence (float): From 0 to 1. Defaults to 1.
            when (str): When it was given. Defaults to now.
        """
        answer = Answer(
            image, class_name, confidence, self.annotator, when or _now()
        )
        self._append(answer_row(answer))

    def withdraw(self, image: str) -> None:
        """Take this annotator's answer about an image back."""
        self._append([image, WITHDRAWN, '', self.annotator, _now()])

    def close(self) -> None:
        """Let another writer have the file."""
        with self._mutex:
            if self._file is not None:
                # The system gives its number to the next file it opens.
                os.close(self._file)
                self._file = None
        self._lock.release()

    def __enter__(self) -> 'AnswersFile':
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _append(self, cells: list[str]) -> None:
        known = dict(zip(COLUMNS, cells, strict=True))
        line = csv_line([known.get(name, '') for name in self._columns])
        with self._mutex:
            if self._file is None:
                raise OSError(f"'{self.path}' is closed")
            size = os.fstat(self._file).st_size
            try:
                # One call: readers see the whole line or none of it.
                written = os.write(self._file, line)
                if written < len(line):
                    raise OSError(f"'{self.path}': the disk is full")
                os.fsync(self._file)
            except OSError:
                os.ftruncate(self._file, size)  # of this line, nothing
                raise

    def _prepare(self) -> list[str]:
        """Make the file one that can be continued; return its columns."""
        if not self.path.exists() or not self.path.stat().st_size:
            write_rows(self.path, [COLUMNS])
            return [*COLUMNS]
        text = read_text(self.path)
        rows = list(records(text, ','))
        header = [name.strip() for name in rows[0][1]] if rows else []
        if not {*COLUMNS[:2]} <= {*header}:
            raise AnswersError(
                [
                    f'{self.path}:1: has no columns image and class with '
                    f'commas between, but {header}; name another file'
                ]
            )
        body, torn = whole_records(text, header, rows[1:])
        ragged = [n for n, row in body if len(row) != len(header)]
        if ragged:
            raise AnswersError(
                [
                    f'{self.path}:{line}: has not the {len(header)} fields '
                    'of the first line; mend it'
                    for line in ragged
                ]
            )
        if torn:
            print_log(
                f'{self.path}: removes the last line, {torn}, which was '
                'never finished: its writer was killed',
                'current',
                level=logging.WARNING,
            )
        columns = [name for name in header if name != 'when']
        columns += [name for name in COLUMNS if name not in columns]
        if torn or columns != header or not text.endswith('\n'):
            self._rewrite(columns, header, [row for _, row in body])
        return columns

    def _rewrite(
        self, columns: list[str], header: list[str], rows: list[list[str]]
    ) -> None:
        """Write the same lines with all columns, the time as the last."""
        dicts = [dict(zip(header, row, strict=True)) for row in rows]
        for cells in dicts:
            cells['annotator'] = cells.get('annotator') or self.annotator
        write_rows(
            self.path,
            [
                columns,
                *([cells.get(c, '') for c in columns] for cells in dicts),
            ],
        )


def _now() -> str:
    time = datetime.now(timezone.utc)
    return time.strftime('%Y-%m-%dT%H:%M:%S.%fZ')
