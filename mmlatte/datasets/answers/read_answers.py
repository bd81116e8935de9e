"""Labels that people already have, from the files they have them in."""

import math
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from mmlatte.datasets.answers.answer import WITHDRAWN, Answer
from mmlatte.datasets.answers.answers import Answers
from mmlatte.datasets.answers.class_spelling import ClassSpelling
from mmlatte.datasets.answers.formats import RawAnswer, read_raw
from mmlatte.datasets.answers.image_names import ImageNames
from mmlatte.datasets.answers.newest import instant
from mmlatte.datasets.answers.problems import AnswersError, Problems

__all__ = ['check_answers', 'read_answers']

Found = TypeVar('Found')


def read_answers(
    path: str | os.PathLike,
    ids: Sequence[str],
    class_names: Sequence[str],
    root: str | os.PathLike | None = None,
    source: str | None = None,
    allow_new: bool = False,
    field: str | None = None,
) -> Answers:
    """Read answers about images; the format follows from the content.

    - A CSV or TSV file: ``image,class[,confidence][,annotator][,when]``,
      named in the first line; or JSONL with these keys.
    - A folder with one sub-folder of images per class.
    - Label Studio: ``JSON`` or ``JSON-MIN``, one choice an image.
    - CVAT: ``annotations.xml`` of 'CVAT for images 1.1', tags.
    - FiftyOne: the folder, or ``samples.json`` or ``labels.json``, of a
      ``FiftyOneDataset`` or ``FiftyOneImageClassificationDataset``.

    Images are named by their ids, or by longer or shorter paths that fit one
    of them only. Classes are spelled as in ``class_names``, or
    ``(none of these)`` or ``(skip)``. Of an annotator's lines about an image
    that have a time the newest counts, of equal times the last.

    Args:
        path (str | os.PathLike): The file or folder.
        ids (Sequence[str]): Ids of all samples.
        class_names (Sequence[str]): The classes.
        root (str | os.PathLike, optional): The data root: makes sure that
            files in class folders are what their names claim, and finds them
            by content.
        source (str, optional): Annotator of answers that name none. Defaults
            to the name of the file or folder.
        allow_new (bool): Whether names of no known class are new classes.
            Defaults to False.
        field (str, optional): Which labels to take if the file has several:
            the name of the ``Choices`` in Label Studio, of the field in
            FiftyOne; ``'predictions'`` takes a model's.

    Raises:
        AnswersError: If anything is wrong; names all of it.
        FileNotFoundError: If there is no such file.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"answers: '{path}' does not exist")
    root = None if root is None else Path(root).expanduser()
    names = ImageNames(ids, root)
    spelling = ClassSpelling(class_names, allow_new)
    problems = Problems()
    raw = read_raw(path, ids, names, root, field, problems)
    return _checked(raw, names, spelling, source or path.name, problems)


def check_answers(
    answers: Answers | Mapping[str, str],
    ids: Sequence[str],
    class_names: Sequence[str],
    allow_new: bool = False,
    source: str = 'person',
) -> Answers:
    """Check answers that are in no file as those of a file are.

    Args:
        answers (Answers | Mapping[str, str]): Answers, or image -> class
            name, ``NONE`` or ``SKIP``.
        ids (Sequence[str]): Ids of all samples.
        class_names (Sequence[str]): The classes.
        allow_new (bool): Whether names of no known class are new classes.
            Defaults to False.
        source (str): Annotator of a mapping. Defaults to 'person'.

    Raises:
        AnswersError: If anything is wrong; names all of it.

    Examples:
        >>> answers = check_answers({'1.jpg': 'cat'}, ['a/1.jpg'], ['cat'])
        >>> [(a.image, a.class_name) for a in answers]
        [('a/1.jpg', 'cat')]
    """
    if isinstance(answers, Mapping):
        raw = [
            RawAnswer(f'answers[{image!r}]', str(image), str(name))
            for image, name in answers.items()
        ]
    else:
        raw = [
            RawAnswer(
                a.where or f'the answer about {a.image!r} of {a.source!r}',
                a.image,
                a.class_name,
                a.confidence,
                a.source,
                a.when,
            )
            for a in answers
        ]
    names, spelling = ImageNames(ids), ClassSpelling(class_names, allow_new)
    return _checked(raw, names, spelling, source, Problems())


def _checked(
    raw: Iterable[RawAnswer],
    names: ImageNames,
    spelling: ClassSpelling,
    source: str,
    problems: Problems,
) -> Answers:
    """Look everything up, and raise all that is wrong at once."""
    found = _looked_up(raw, names, spelling, source, problems)
    answers = Answers()
    try:
        answers = Answers(found)
    except AnswersError as error:
        problems.extend(error.problems)
    problems.check()
    return answers


def _looked_up(
    raw: Iterable[RawAnswer],
    names: ImageNames,
    spelling: ClassSpelling,
    source: str,
    problems: Problems,
) -> list[Answer]:
    """Return the answers, without those that were replaced."""
    kept: dict[tuple[str, str], list[Answer]] = defaultdict(list)
    named: dict[str, RawAnswer] = {}
    newest: dict[tuple[str, str], datetime] = {}
    for item in raw:
        image = _tried(partial(_image, names), item, problems)
        name = _tried(partial(_class, spelling), item, problems)
        confidence = _tried(_confidence, item, problems)
        time = _tried(_instant, item, problems)
        if image is None:
            continue
        other = named.setdefault(image, item)
        if _differ(item, other):
            problems.add(
                item.where,
                f'image {item.image!r} is taken for {image!r}, and so is '
                f'{other.image!r} ({other.where}); write the path from the '
                'data root',
            )
        annotator = item.annotator or source
        key = image, annotator
        if time is not None:
            if time < newest.setdefault(key, time):
                continue
            newest[key] = time
        answers = kept[key]
        if item.when or name == WITHDRAWN:
            answers.clear()
        if name not in (None, WITHDRAWN) and confidence is not None:
            answers.append(
                Answer(
                    image, name, confidence, annotator, item.when, item.where
                )
            )
    return [answer for answers in kept.values() for answer in answers]


def _tried(
    find: Callable[[RawAnswer], Found], item: RawAnswer, problems: Problems
) -> Found | None:
    """Return what is found; note what is wrong otherwise."""
    try:
        return find(item)
    except (LookupError, ValueError) as error:
        problems.add(item.where, error.args[0])
        return None


def _differ(one: RawAnswer, other: RawAnswer) -> bool:
    """Whether two paths of an image are not the end of one another."""
    if one.image == other.image or {one.form, other.form} != {'path'}:
        return False
    paths = [f'/{item.image}'.replace('\\', '/') for item in (one, other)]
    short, long = sorted(paths, key=len)
    return not long.endswith(short)


def _image(names: ImageNames, item: RawAnswer) -> str:
    if item.form == 'upload':
        return names.find_uploaded(item.image)
    if item.form == 'stem':
        return names.find_without_suffix(item.image)
    return names.find(item.image)


def _class(spelling: ClassSpelling, item: RawAnswer) -> str:
    if item.class_name == WITHDRAWN:
        return WITHDRAWN
    if item.folder:
        return spelling.find_folder(item.class_name)
    return spelling.find(item.class_name)


def _instant(item: RawAnswer) -> datetime | None:
    return instant(item.when)


def _confidence(item: RawAnswer) -> float:
    given = item.confidence
    if given is None or given == '':
        return 1.0
    try:
        value = (
            float(given) if isinstance(given, (str, int, float)) else math.nan
        )
    except ValueError:
        value = math.nan
    if isinstance(given, bool) or not 0 <= value <= 1:
        raise ValueError(
            f'confidence {given!r} is no number from 0 to 1; write 0.9 for '
            '90 %, or nothing for sure'
        )
    return value
