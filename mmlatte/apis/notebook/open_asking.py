"""The images of a folder and the answers about them, ready to be asked."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mmlatte.apis.adapt.answering.answers_record import AnswersRecord
from mmlatte.apis.adapt.answering.asking import Asking
from mmlatte.apis.adapt.prepare import open_images
from mmlatte.command_line import ANSWERS_METHOD
from mmlatte.datasets.answers import Answers

__all__ = ['GivenBy', 'add_answers', 'open_asking']

#: Answers of a dict, of `read_answers`, or in files.
GivenBy = Mapping[str, str] | Answers | str | Path | Sequence[str | Path]


def open_asking(
    images: str,
    classes: str | Sequence[str],
    out: str,
    answers: GivenBy | None,
    new_classes: bool,
    choices: dict,
) -> Asking:
    """Do what ``tools/adapt.py`` does before it asks.

    Args:
        images (str): Folder, or list, of the images.
        classes (str | Sequence[str]): Class names, or a file of them, see
            `read_class_list`.
        out (str): Folder of the results.
        answers (GivenBy, optional): Added to those of before.
        new_classes (bool): Whether names of no class are new classes.
        choices (dict): Of `AdaptOptions`.
    """
    folder = Path(out).expanduser()
    images = str(Path(images).expanduser())
    opened = open_images(images, classes, folder, choices)
    if answers is not None:
        add_answers(opened.record, answers, new_classes)
    options = opened.options({'method': ANSWERS_METHOD, **choices})
    return Asking.about(opened, options)


def add_answers(
    record: AnswersRecord, answers: GivenBy, new_classes: bool
) -> None:
    """Add answers in any form to a record."""
    if isinstance(answers, (Mapping, Answers)):
        record.add(answers, new_classes)
        return
    files = [answers] if isinstance(answers, (str, Path)) else answers
    record.take([str(file) for file in files], new_classes)
