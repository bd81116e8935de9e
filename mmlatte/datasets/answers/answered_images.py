"""What images held when they were answered about."""

import csv
import dataclasses
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from mmlatte.datasets.answers.answer import Answer
from mmlatte.datasets.answers.answers import Answers
from mmlatte.datasets.csv_rows import write_rows

__all__ = ['AnsweredImages']

COLUMNS = ('image', 'annotator', 'when', 'key')
#: Images that are named in a message.
NAMED = 10

Keys = Callable[[Sequence[str]], Sequence[str]]


class AnsweredImages:
    """Notes beside a file of answers: which contents each answer was about.

    An answer belongs to what the image held, not to its name. Where the
    contents lie under another name now it follows them; where they are gone
    it is kept on file and not used.

    The notes are a CSV file of ``image,annotator,when,key``, named like that
    of the answers with ``_images`` behind. A line holds for the answer with
    that time; a later answer of the annotator needs a note of its own.

    Args:
        answers (str | os.PathLike): The file of answers.

    Examples:
        >>> import tempfile
        >>> notes = AnsweredImages(Path(tempfile.mkdtemp()) / 'answers.csv')
        >>> keys = lambda ids: len(ids) * ['00']
        >>> given = Answers([Answer('1.jpg', 'cat')])
        >>> notes.note(given, keys)
        >>> current, _ = notes.part(given, ['2.jpg'], keys)
        >>> [answer.image for answer in current]
        ['2.jpg']
    """

    def __init__(self, answers: str | os.PathLike) -> None:
        answers = Path(answers).expanduser()
        self.path = answers.with_name(f'{answers.stem}_images.csv')
        self._noted: dict[tuple[str, str], tuple[str, str]] = {}
        if self.path.exists():
            with self.path.open(
                encoding='utf-8', errors='surrogateescape', newline=''
            ) as file:
                for row in csv.DictReader(file):
                    known = row['image'], row['annotator']
                    self._noted[known] = row['when'], row['key']

    def names(self, ids: Iterable[str]) -> list[str]:
        """Return the ids of the samples and of images that are gone."""
        return [*dict.fromkeys([*ids, *(image for image, _ in self._noted)])]

    def note(self, answers: Iterable[Answer], keys: Keys) -> None:
        """Note what images hold now, of answers that have no note yet.

        Args:
            answers (Iterable[Answer]): About images that are there.
            keys (Callable): Ids -> what their images are known by.
        """
        new = [answer for answer in answers if self._key(answer) is None]
        if not new:
            return
        found = keys([answer.image for answer in new])
        for answer, key in zip(new, found, strict=True):
            self._noted[answer.image, answer.source] = answer.when, key
        lines = [(*known, *note) for known, note in self._noted.items()]
        write_rows(self.path, [COLUMNS, *lines])

    def part(
        self, answers: Iterable[Answer], ids: Sequence[str], keys: Keys
    ) -> tuple[Answers, Answers]:
        """Part answers about images as they are from outdated ones.

        Args:
            answers (Iterable[Answer]): All of a file.
            ids (Sequence[str]): Ids of all samples.
            keys (Callable): Ids -> what their images are known by.

        Returns:
            tuple: Answers about what the samples show, under their ids of
            now, and answers about what none of them shows any more.
        """
        answers, there = [*answers], {*ids}
        asked = [*{a.image for a in answers} & there]
        now = dict(zip(asked, keys(asked), strict=True))
        current: dict[tuple[str, str], Answer] = {}
        others = []
        for answer in answers:
            noted = self._key(answer)
            if answer.image in there and noted in (None, now[answer.image]):
                current[answer.image, answer.source] = answer
            else:
                others.append(answer)
        outdated = []
        places = dict(zip(keys(ids), ids, strict=True)) if others else {}
        for answer in others:
            place = places.get(self._key(answer) or '')
            if place is None:
                outdated.append(answer)
            else:
                # What was answered about the image itself comes first.
                moved = dataclasses.replace(answer, image=place)
                current.setdefault((place, answer.source), moved)
        return Answers([*current.values()]), Answers(outdated)

    def message(self, outdated: Answers) -> str:
        """Name answers that are not used, and say what to do."""
        names = [*dict.fromkeys(answer.image for answer in outdated)]
        more = ', ...' if len(names) > NAMED else ''
        return (
            f'{len(outdated)} answers are not used: their images are gone, or '
            'were replaced since they were answered about: '
            f'{", ".join(names[:NAMED])}{more}. The answers stay on file. '
            'Answer about the new images (--ask, --serve). If the answers '
            f'hold for them as well, delete {self.path}'
        )

    def _key(self, answer: Answer) -> str | None:
        when, key = self._noted.get((answer.image, answer.source), ('', None))
        return key if when == answer.when else None
