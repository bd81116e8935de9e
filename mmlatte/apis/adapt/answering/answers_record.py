"""Answers about the images of a folder, kept beside what came of them."""

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from mmengine.logging import print_log

from mmlatte.atomic_file import atomic_file
from mmlatte.datasets.answers import (
    LMM_SOURCE,
    NONE,
    NONE_LABEL,
    SKIP,
    Answer,
    AnsweredImages,
    Answers,
    AnswersError,
    AnswersFile,
    check_answers,
    newest,
)
from mmlatte.datasets.answers import read_answers as read
from mmlatte.datasets.sample_index import samples_of
from mmlatte.fits.answers import MIN_NONE
from mmlatte.image_table import ImageTable, key_name

from ..same_run import results, set_aside

__all__ = ['RECORD', 'AnswersRecord']

#: The file in the folder of results.
RECORD = 'all_answers.csv'
#: Which answers they are of.
USED = 'answers_used.json'


class AnswersRecord:
    """All answers of a folder, ``all_answers.csv`` in the folder of results.

    The page saves ``answers.csv``, which cannot overwrite it. Nothing that
    was answered is lost: the file only grows, and an annotator's later answer
    about an image replaces the earlier one for readers. Answers follow what
    their images held, see `AnsweredImages`. Results of other answers are set
    aside, not overwritten.

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
        self._listed = len(classes)
        self.answers = self.outdated = self._on_file = Answers()
        if self.path.exists():
            self.read()
            self._log_added()

    @property
    def added(self) -> list[str]:
        """list[str]: Classes of the answers that the list lacks."""
        return self.classes[self._listed :]

    @cached_property
    def ids(self) -> list[str]:
        """list[str]: Sample ids of all images."""
        return samples_of(self.dataset).names(0, len(self.dataset))

    @cached_property
    def _paths(self) -> dict[str, str]:
        files = samples_of(self.dataset).paths(0, len(self.dataset))
        return dict(zip(self.ids, files, strict=True))

    def read(self) -> None:
        """Take what the file holds; a person may have added classes."""
        images = AnsweredImages(self.path)
        self._on_file = read(
            self.path,
            images.names(self.ids),
            self.classes,
            self.root,
            allow_new=True,
        )
        there = {*self.ids}
        about = [a for a in self._on_file if a.image in there]
        images.note(about, self._keys)
        self.answers, self.outdated = images.part(
            self._on_file, self.ids, self._keys
        )
        if len(self.outdated):
            message = images.message(self.outdated)
            print_log(message, 'current', level=logging.WARNING)
        self.classes += self.answers.new_classes(self.classes)

    def _keys(self, ids: Sequence[str]) -> list[str]:
        """Return what images are known by."""
        here = self._paths
        paths = [here.get(i) or os.path.join(self.root, i) for i in ids]
        table = ImageTable(self.folder / 'cache')
        return [key_name(key) for key in table.of(paths).keys]

    def _log_added(self) -> None:
        """Name classes that were removed from the list but answered."""
        if self.added:
            counts = self.answers.count_classes()
            names = ', '.join(f'{n!r} ({counts[n]})' for n in self.added)
            print_log(
                f'{self.path} holds answers of classes that are not in the '
                f'list, and stay classes: {names}. To drop one, answer its '
                'images otherwise',
                'current',
                level=logging.WARNING,
            )

    def take(
        self,
        files: Sequence[str],
        new_classes: bool = False,
        keep: bool = True,
    ) -> None:
        """Add the answers of files, once all of them are found right.

        Where an annotator gave an image two answers, the newer counts; where
        one of them has no time, the one that was given last.

        Args:
            files (Sequence[str]): See `read_answers`. The record itself may
                be one.
            new_classes (bool): Whether names of no class are new classes.
            keep (bool): False leaves the file as it is.

        Raises:
            AnswersError: If anything is wrong.
        """
        groups, classes = [], [*self.classes]
        # Files of answers are given again when images are gone.
        gone = (a.image for a in self._on_file)
        names = [*dict.fromkeys([*self.ids, *gone])]
        for file in files:
            if Path(file).resolve() == self.path.resolve():
                continue
            answers = read(
                file,
                names,
                classes,
                self.root,
                source='person' if Path(file).suffix == '.csv' else None,
                allow_new=new_classes,
            )
            # Of one spelling in all files.
            classes += answers.new_classes(classes)
            groups.append(answers)
        self._add(groups, keep)

    def add(
        self, answers: Answers | Mapping[str, str], new_classes: bool = False
    ) -> None:
        """Add answers that are in no file.

        Args:
            answers (Answers | Mapping[str, str]): Answers, or the class of
                every image as a person would say it: sample id -> class name,
                ``NONE`` or ``SKIP``.
            new_classes (bool): Whether names of no class are new classes.

        Raises:
            AnswersError: If anything is wrong; nothing is added then.
        """
        found = check_answers(answers, self.ids, self.classes, new_classes)
        self._add([found], keep=True)

    def _add(self, groups: Sequence[Answers], keep: bool) -> None:
        count = sum(map(len, groups))
        if not count:
            return
        found = newest([self._on_file, *groups])
        new = self._new(found.answers)
        for line in (
            f'{count} answers were given, {len(new)} of them new or changed',
            *found.notes(),
        ):
            print_log(line, 'current')
        if not keep:
            both = {(a.image, a.source): a for a in (*self.answers, *new)}
            self.answers = Answers([*both.values()])
            self.classes += self.answers.new_classes(self.classes)
        elif new:
            self._put(new)

    def _new(self, found: Sequence[Answer]) -> list[Answer]:
        """Return the answers that are not on file.

        The same answer to an image that was replaced since is a new one only
        if it has a later time: files of answers are often given again.
        """
        known = {(a.image, a.source): a for a in self._on_file}
        replaced = {(a.image, a.source) for a in self.outdated}
        new, there = [], {*self.ids}
        for answer in found:
            who = answer.image, answer.source
            before = known.get(who)
            other = before is None or _content(before) != _content(answer)
            later = who in replaced and before and answer.when > before.when
            if not (other or later):
                continue
            if answer.image not in there:
                raise AnswersError(
                    [
                        f'{answer.where}: image {answer.image!r} is not among '
                        f'the {len(there)} images any more; leave its line out'
                    ]
                )
            new.append(answer)
        return new

    def _put(self, new: Sequence[Answer]) -> None:
        # Lines of a file that names no annotator are a person's.
        AnswersFile(self.path).close()
        for source in dict.fromkeys(answer.source for answer in new):
            with AnswersFile(self.path, source) as record:
                for a in new:
                    if a.source == source:
                        record.put(a.image, a.class_name, a.confidence, a.when)
        self.read()

    @property
    def used(self) -> int:
        """int: Answers that say something, see `GivenAnswers.used`."""
        return sum(
            a.class_name != SKIP and a.confidence > 0 for a in self.answers
        )

    def check_used(self) -> None:
        """Stop where there is nothing to fit.

        Raises:
            ValueError: If no answer says anything.
        """
        if self.used:
            return
        if len(self.answers):
            raise ValueError(
                f'the {len(self.answers)} answers in {self.path} all skip '
                'their image (or have confidence 0): answer some more '
                '(--ask 24)'
            )
        raise ValueError(
            'there are no answers yet: ask some questions (--ask 24)'
        )

    def check_none(self, none_below: float) -> None:
        """Stop before a fit that could not tell images of none of the classes.

        Raises:
            ValueError: If too few answers say so.
        """
        names = [name for name, _ in self.given().values()]
        if names.count(NONE) < MIN_NONE:
            raise ValueError(
                f'none_below={none_below}: {names.count(NONE)} images are '
                f'answered with {NONE!r}, {MIN_NONE} are needed to tell how '
                'probable it is; answer some more (--ask 24)'
            )

    def set_results_aside(self) -> Path | None:
        """Move results of other answers to a folder of their own.

        Returns:
            Path | None: That folder, if there was something to move.
        """
        moved = None
        before = self._fitted()
        if before is not None and self.changed:
            moved = set_aside(self.folder, f'with_{before["count"]}_answers')
        with atomic_file(self.folder / USED) as file:
            note = dict(count=self.used, digest=self._digest())
            file.write(json.dumps(note).encode())
        return moved

    @property
    def changed(self) -> bool:
        """bool: Whether there are results, of other answers."""
        before = self._fitted()
        return (
            bool(results(self.folder))
            and before is not None
            and before['digest'] != self._digest()
        )

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

    def given(self, lmm: bool = False) -> dict[str, tuple[str, str]]:
        """Return sample id -> class name (or ``NONE``) and who said so.

        Of several annotators, the answer that the fit takes counts.

        Args:
            lmm (bool): Whether answers of an LMM count, which errs: they tell
                the fit something, and do not stand in its place.
        """
        answers = self.answers
        if not lmm:
            answers = Answers(
                [a for a in answers if not a.source.startswith(LMM_SOURCE)]
            )
        who: dict[tuple[str, str], str] = {}
        for a in answers:
            who.setdefault((a.image, a.class_name), a.source)
        arrays = answers.arrays(self.ids, self.classes)
        taken = arrays.one_each().used()
        names = {**dict(enumerate(self.classes)), NONE_LABEL: NONE}
        images = [self.ids[row] for row in taken.rows]
        said = [names[label] for label in taken.labels]
        return {
            image: (name, who[image, name])
            for image, name in zip(images, said, strict=True)
        }


def _content(answer: Answer) -> tuple[str, float]:
    return answer.class_name, answer.confidence
