"""Label all images of a folder by a few answers."""

from collections.abc import Sequence

from mmlatte.apis.adapt.answering.asking import Asking
from mmlatte.apis.adapt.answering.check_answers import check_used
from mmlatte.datasets.answers import NONE, NONE_LABEL

from .folder_fit import Contradiction, FolderFit
from .open_asking import GivenBy, open_asking

__all__ = ['fit']


def fit(
    images: str,
    classes: str | Sequence[str],
    answers: GivenBy,
    out: str = 'work_dirs/adapted',
    new_classes: bool = False,
    **choices,
) -> FolderFit:
    """Label all images of a folder by answers about a few of them.

    This is the fit of ``tools/adapt.py --answers`` for notebooks and scripts,
    without its report and exports. The answers are kept in ``out``.

    Args:
        images (str): Folder, or list, of the images.
        classes (str | Sequence[str]): Class names, or a file of them, see
            `read_class_list`.
        answers (GivenBy): Sample id -> class name, ``NONE`` or ``SKIP``;
            `Answers`; or files, see `read_answers`. Added to those of before.
        out (str): Folder of the results; keeps features and answers.
        new_classes (bool): Whether names of no class are new classes.
        **choices: See `AdaptOptions`, such as ``describe`` and ``clip``.

    Returns:
        FolderFit: Predictions, an estimate of their accuracy, and answers to
        look at again.

    Raises:
        ValueError: If no answer says anything, or a choice makes no sense.
        AnswersError: If anything is wrong with the answers.
    """
    asking = open_asking(images, classes, out, answers, new_classes, choices)
    check_used(asking.record)
    return _result(asking, out)


def _result(asking: Asking, out: str) -> FolderFit:
    found, record = asking.fit.found, asking.record
    assert found is not None  # there are answers
    names = {**dict(enumerate(asking.classes)), NONE_LABEL: NONE}
    given, said = record.given(), record.given(lmm=True)
    wrong = found.contradicted
    columns = [*asking.classes, NONE]
    says = found.posteriors(asking.frozen, wrong).argmax(axis=1)
    predictions = {
        image: names[label]
        for image, label in sorted(
            zip(record.ids, found.labels.tolist(), strict=True)
        )
    }
    # An answer of an LMM tells the fit something, and is no prediction.
    rows = [r for r in found.answers.rows if record.ids[r] not in given]
    fitted = found.posteriors(asking.frozen, rows).argmax(axis=1)
    for row, label in zip(rows, fitted, strict=True):
        predictions[record.ids[row]] = columns[label]
    return FolderFit(
        classes=asking.classes,
        predictions=predictions,
        answered={image: who for image, (_, who) in given.items()},
        missing=[asking.classes[label] for label in found.missing],
        contradicted=[
            Contradiction(
                record.ids[row], said[record.ids[row]][0], columns[label]
            )
            for row, label in zip(wrong, says, strict=True)
        ],
        estimate=found.estimate,
        out=out,
    )
