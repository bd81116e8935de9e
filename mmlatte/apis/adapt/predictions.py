import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from mmlatte.apis.inference.inferencer import Inferencer
from mmlatte.apis.inference.prediction_file import (
    prediction_rows,
    write_predictions,
)

from .options import AdaptOptions

__all__ = ['is_about', 'write_all_predictions']

#: Images that the level of the confidences is set on.
CALIBRATION = 500


def is_about(path: Path, paths: list[str]) -> bool:
    """Whether there are predictions of these files, in their folder of now."""
    if not path.exists():
        return False
    with path.open(
        encoding='utf-8', errors='surrogateescape', newline=''
    ) as file:
        first = next(csv.DictReader(file), {})
    return first.get('image') == paths[0]


def write_all_predictions(
    run: Path,
    paths: list[str],
    path: Path,
    options: AdaptOptions,
    given: dict[str, tuple[str, str]],
) -> None:
    """Write the class of every image; where there is an answer, that."""
    inferencer = Inferencer(str(run), device=options.device)
    sample = paths[:: max(1, len(paths) // CALIBRATION)]
    inferencer.calibrate(sample, num_workers=options.workers)
    about = dict(model=str(run), classes=inferencer.classes)
    rows = prediction_rows(inferencer, paths, 3, num_workers=options.workers)
    more = ('answered_by',) if given else ()
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
        yield row
