"""Which images a person should look at again."""

import csv
import io
from pathlib import Path

import numpy as np

from mmlatte.atomic_file import atomic_file
from mmlatte.datasets.answers import NONE, NONE_LABEL

from .asking import Asking

__all__ = ['COLUMNS', 'write_review']

COLUMNS = ('image', 'reason', 'class', 'confidence', 'zero_shot', 'answer')
#: The least sure images that are listed.
UNSURE = 50


def write_review(path: Path, asking: Asking) -> None:
    """Write ``review.csv``: answers that the fit contradicts, then images of
    none of the classes, then the least sure ones.

    Args:
        path (Path): The file.
        asking (Asking): What is known of the images.
    """
    frozen, fit = asking.frozen, asking.fit
    best = np.zeros(len(frozen), np.float32)
    classes = np.zeros(len(frozen), np.int64)
    for part, features in frozen.chunks():
        logits = fit.classifier.logits(features.to(fit.classifier.weight))
        top = logits.softmax(dim=1).max(dim=1)
        best[part], classes[part] = top.values, top.indices
    given = asking.record.given(lmm=True)
    order = np.argsort(best, kind='stable')
    rows: list[tuple[int, str]] = []
    if fit.found is not None:
        wrong = fit.found.contradicted
        # Labels of answered images are the answers, not what the fit says.
        said = fit.found.posteriors(frozen, wrong).argmax(axis=1)
        none = [
            row
            for row in np.flatnonzero(fit.found.labels == NONE_LABEL)
            if asking.record.ids[row] not in given
        ]
        rows += [(int(row), 'the fit contradicts the answer') for row in wrong]
        rows += [(int(row), 'shows none of the classes') for row in none]
        outside = [*wrong[said == frozen.classes], *none]
        classes[outside] = NONE_LABEL
        best[outside] = fit.found.none_probability(frozen)[outside]
    rows += [
        (int(row), 'among the least sure')
        for row in order[:UNSURE]
        if asking.record.ids[row] not in given
    ]
    names = {**dict(enumerate(asking.classes)), NONE_LABEL: NONE}
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    seen = set()
    for row, reason in rows:
        if row in seen:
            continue
        seen.add(row)
        image = asking.record.ids[row]
        writer.writerow(
            [
                image,
                reason,
                names[classes[row]],
                f'{best[row]:.4f}',
                asking.classes[frozen.labels[row]],
                given.get(image, ('', ''))[0],
            ]
        )
    with atomic_file(path) as file:
        file.write(text.getvalue().encode('utf-8', 'surrogateescape'))
