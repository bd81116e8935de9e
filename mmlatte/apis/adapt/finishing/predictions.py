import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from mmengine.logging import print_log

from mmlatte.apis.inference.prediction_file import (
    prediction_rows,
    write_predictions,
)
from mmlatte.apis.inference.run_models import RunModels
from mmlatte.datasets.answers import NONE
from mmlatte.fits.answers import MIN_NONE

from ..options import AdaptOptions

__all__ = ['is_about', 'write_all_predictions']

#: Images that the level of the confidences is set on.
CALIBRATION = 500


def is_about(path: Path, paths: list[str]) -> bool:
    """Whether there are predictions of these files, in their folder of now.

    Not those that were made with ``none_below``, which holds for one call.
    """
    if not path.exists():
        return False
    with path.open(
        encoding='utf-8', errors='surrogateescape', newline=''
    ) as file:
        rows = csv.DictReader(file)
        first = next(rows, {})
        none = any(
            row['class'] == NONE and not row.get('answered_by')
            for row in (first, *rows)
        )
    return first.get('image') == paths[0] and not none


def write_all_predictions(
    models: RunModels,
    run: Path,
    paths: list[str],
    path: Path,
    options: AdaptOptions,
    given: dict[str, tuple[str, str]],
    none_below: float | None = None,
) -> None:
    """Write the class of every image; where there is an answer, that.

    Args:
        models (RunModels): Of the run.
        run (Path): Folder of the run.
        paths (list[str]): The images.
        path (Path): The file.
        options (AdaptOptions): Of the run.
        given (dict[str, tuple[str, str]]): Image -> answer, who answered.
        none_below (float, optional): See `prediction_rows`.
    """
    inferencer = models.adapted
    sample = paths[:: max(1, len(paths) // CALIBRATION)]
    inferencer.calibrate(
        sample, num_workers=options.workers, frozen=models.frozen
    )
    about = dict(model=str(run), classes=inferencer.classes)
    rows = prediction_rows(
        inferencer,
        paths,
        3,
        num_workers=options.workers,
        none_below=none_below,
    )
    more = ('answered_by',) if given else ()
    if inferencer.tells_none:
        more = ('none', *more)
    elif given:
        print_log(
            f'{path.name} has no column "none": to calibrate it takes '
            f'{MIN_NONE} answers {NONE!r} and {MIN_NONE} others, of the '
            'method "answers"',
            'current',
        )
    write_predictions(path, _answered(rows, given), 3, about, more)


def _answered(
    rows: Iterable[dict], given: dict[str, tuple[str, str]]
) -> Iterator[dict]:
    """Put the answers first among the classes of answered images."""
    for row in rows:
        if row['image'] in given and 'top' in row:
            name, who = given[row['image']]
            others = [best for best in row['top'] if best['class'] != name]
            answer = {'class': name, 'confidence': 1.0, 'score': 1.0}
            row = {**row, 'top': [answer, *others][: len(row['top'])]}
            row['answered_by'] = who
            if 'none' in row:
                row['none'] = float(name == NONE)
        yield row
