"""Answers about the images of a folder, kept beside what came of them."""

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from mmengine.logging import print_log

from mmlatte.atomic_file import atomic_file
from mmlatte.datasets.answers import (
    NONE,
    NONE_LABEL,
    SKIP,
    Answer,
    Answers,
    AnswersFile,
)
from mmlatte.datasets.answers import read_answers as read
from mmlatte.datasets.sample_index import samples_of

__all__ = ['RECORD', 'AnswersRecord']

#: The file in the folder of results.
RECORD = 'all_answers.csv'
#: What a fit with other answers replaces.
RESULTS = (
    'run',
    'config.py',
    'images.json',
    'report.html',
    'predictions.csv',
    'review.csv',
    'exported',
)
#: Which answers they are of.
USED = 'answers_used.json'


class AnswersRecord:
    """All answers of a folder, ``all_answers.csv`` in the folder of results.

    The page saves ``answers.csv``, which cannot overwrite it. Nothing that
    was answered is lost: the file only grows, and an annotator's later answer
    about an image replaces the earlier one for readers. Results of other
    answers are set aside, not overwritten.

    Args:
        folder (Path): Folder of the results.
        root (str): Folder of the images.
        dataset (Dataset): The images.
        classes (Sequence[str]): The class names.
    """

    def __init__(
        self, folder: Path, root: str, dataset, classes: list[str]
    ) -> None:
        self.folder = folder
        self.path = folder / RECORD
        self.root = root
        self.dataset = dataset
        self.classes = [*classes]
        self.answers = Answers()
        if self.path.exists():
            self.read()

    @cached_property
    def ids(self) -> list[str]:
        """list[str]: Sample ids of all images."""
        return samples_of(self.dataset).names(0, len(self.dataset))

    def read(self) -> None:
        """Take what the file holds; a person may have added classes."""
        self.answers = read(
            self.path, self.ids, self.classes, self.root, allow_new=True
        )
        self.classes += self.answers.new_classes(self.classes)

    def take(
        self,
        files: Sequence[str],
        new_classes: bool = False,
        keep: bool = True,
    ) -> None:
        """Add the answers of files, once all of them are found right.

        Args:
            files (Sequence[str]): See `read_answers`. The record itself may
                be one.
            new_classes (bool): Whether names of no class are new classes.
            keep (bool): False leaves the file as it is.

        Raises:
            AnswersError: If anything is wrong, or one annotator gives an
                image two classes.
        """
        found, classes = Answers(), [*self.classes]
        for file in files:
            if Path(file).resolve() == self.path.resolve():
                continue
            answers = read(
                file,
                self.ids,
                classes,
                self.root,
                source='person' if Path(file).suffix == '.csv' else None,
                allow_new=new_classes,
            )
            # Of one spelling in all files.
            classes += answers.new_classes(classes)
            found = found.merge(answers)
        if not len(found):
            return
        if keep:
            self._put(found)
            return
        both = {(a.image, a.source): a for a in (*self.answers, *found)}
        self.answers, self.classes = Answers([*both.values()]), classes

    def _put(self, found: Answers) -> None:
        known = {(a.image, a.source): _content(a) for a in self.answers}
        new = [
            answer
            for answer in found
            if known.get((answer.image, answer.source)) != _content(answer)
        ]
        print_log(
            f'{len(found)} answers were given, {len(new)} of them new or '
            'changed',
            'current',
        )
        if not new:
            return
        # Lines of a file that names no annotator are a person's.
        AnswersFile(self.path).close()
        for source in dict.fromkeys(answer.source for answer in new):
            with AnswersFile(self.path, source) as record:
                for answer in new:
                    if answer.source == source:
                        record.put(
                            answer.image, answer.class_name, answer.confidence
                        )
        self.read()

    @property
    def used(self) -> int:
        """int: Answers that say something, see `GivenAnswers.used`."""
        return sum(
            a.class_name != SKIP and a.confidence > 0 for a in self.answers
        )

    def set_results_aside(self) -> Path | None:
        """Move results of other answers to a folder of their own.

        Returns:
            Path | None: That folder, if there was something to move.
        """
        moved = None
        before = self._fitted()
        if before is not None and self.changed:
            moved = self.folder / f'with_{before["count"]}_answers'
            number = 1
            while moved.exists():
                number += 1
                name = f'with_{before["count"]}_answers_{number}'
                moved = self.folder / name
            there = self._results()
            moved.mkdir()
            for name in there:
                (self.folder / name).rename(moved / name)
        with atomic_file(self.folder / USED) as file:
            note = dict(count=self.used, digest=self._digest())
            file.write(json.dumps(note).encode())
        return moved

    @property
    def changed(self) -> bool:
        """bool: Whether there are results, of other answers."""
        before = self._fitted()
        return (
            bool(self._results())
            and before is not None
            and before['digest'] != self._digest()
        )

    def _results(self) -> list[str]:
        return [name for name in RESULTS if (self.folder / name).exists()]

    def _fitted(self) -> dict | None:
        """Return number and digest of the answers of the last fit."""
        note = self.folder / USED
        return json.loads(note.read_text()) if note.exists() else None

    def _digest(self) -> str:
        rows = sorted(
            (a.image, a.source, a.class_name, a.confidence)
            for a in self.answers
            if a.class_name != SKIP
        )
        content = json.dumps([self.classes, rows])
        return hashlib.sha256(content.encode()).hexdigest()

    def given(self) -> dict[str, tuple[str, str]]:
        """Return sample id -> class name (or ``NONE``) and who said so.

        Of several annotators, the answer that the fit takes counts.
        """
        who: dict[tuple[str, str], str] = {}
        for a in self.answers:
            who.setdefault((a.image, a.class_name), a.source)
        arrays = self.answers.arrays(self.ids, self.classes)
        taken = arrays.given().used().one_each()
        names = {**dict(enumerate(self.classes)), NONE_LABEL: NONE}
        images = [self.ids[row] for row in taken.rows]
        said = [names[label] for label in taken.labels]
        return {
            image: (name, who[image, name])
            for image, name in zip(images, said, strict=True)
        }


def _content(answer: Answer) -> tuple[str, float]:
    return answer.class_name, answer.confidence
