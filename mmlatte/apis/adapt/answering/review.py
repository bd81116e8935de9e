"""Which images a person should look at again."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmlatte.apis.pages import ReviewSection
from mmlatte.datasets.answers import NONE, NONE_LABEL
from mmlatte.datasets.csv_rows import write_rows

from .asking import Asking

__all__ = [
    'COLUMNS',
    'ReviewImage',
    'find_review',
    'review_sections',
    'write_review',
]

COLUMNS = (
    'image',
    'reason',
    'class',
    'confidence',
    'zero_shot',
    'answer',
    'like',
)
CONTRADICTED = 'the fit contradicts the answer'
NO_CLASS = 'shows none of the classes'
DIFFER = 'zero-shot, cluster and fit disagree'
TWINS = 'nearly the same image has another class'
UNSURE = 'among the least sure'
#: Reason -> heading and explanation in the report.
SECTIONS = {
    CONTRADICTED: (
        'Look again at these answers',
        'The fit contradicts them: a slip, or an odd image. The answer stays '
        'until it is answered otherwise.',
    ),
    NO_CLASS: (
        'None of the classes',
        'Most like images that were answered so.',
    ),
    DIFFER: (
        'Zero-shot, cluster and fit disagree',
        'Three classes for one image, the least sure first.',
    ),
    TWINS: (
        'Nearly the same, but of two classes',
        'At least one of the two is wrong.',
    ),
    UNSURE: ('Least sure', 'Answers about these tell the fit most.'),
}
#: Images that are listed for each of the last three reasons.
LISTED = 50


@dataclass
class ReviewImage:
    """An image to look at again.

    Args:
        row (int): Its number.
        reason (str): One of `SECTIONS`.
        label (int): What the fit says, ``NONE_LABEL`` for none of the classes.
        confidence (float): How sure it is.
        like (int, optional): The image that is nearly the same.
    """

    row: int
    reason: str
    label: int
    confidence: float
    like: int | None = None


def find_review(asking: Asking) -> list[ReviewImage]:
    """List images to look at again, each with the first reason that holds.

    Answers that the fit contradicts come first, then images of none of the
    classes, those for which zero-shot CLIP, cluster and fit differ,
    near-duplicates of two classes, and the least sure.

    Args:
        asking (Asking): What is known of the images.
    """
    frozen, found = asking.frozen, asking.fit.found
    labels, sure = _says(asking)
    answered = np.zeros(len(frozen), bool)
    if found is not None:
        answered[found.answers.rows] = True
        # Labels of answered images are the answers, not what the fit says.
        wrong = found.contradicted
        said = found.posteriors(frozen, wrong).argmax(axis=1)
        none = np.flatnonzero((found.labels == NONE_LABEL) & ~answered)
        outside = [*wrong[said == frozen.classes], *none]
        labels[outside] = NONE_LABEL
        sure[outside] = found.none_probability(frozen)[outside]
    chosen: dict[int, ReviewImage] = {}

    def add(row, reason: str, like: int | None = None) -> None:
        image = ReviewImage(
            int(row), reason, int(labels[row]), float(sure[row]), like
        )
        chosen.setdefault(image.row, image)

    if found is not None:
        for row in wrong:
            add(row, CONTRADICTED)
        for row in none:
            add(row, NO_CLASS)
    for row in _differing(asking, labels, sure, answered):
        add(row, DIFFER)
    for row, like in _twins(asking, labels, answered):
        add(row, TWINS, like)
    order = np.argsort(sure, kind='stable')
    for row in order[~answered[order]][:LISTED]:
        add(row, UNSURE)
    return [*chosen.values()]


def _says(asking: Asking) -> tuple[np.ndarray, np.ndarray]:
    """Return the class that the fit gives every image, and how surely."""
    frozen, classifier = asking.frozen, asking.fit.classifier
    labels = np.zeros(len(frozen), np.int64)
    sure = np.zeros(len(frozen), np.float32)
    for part, features in frozen.chunks():
        logits = classifier.logits(features.to(classifier.weight))
        top = logits.softmax(dim=1).max(dim=1)
        sure[part], labels[part] = top.values, top.indices
    return labels, sure


def _differing(asking, labels, sure, answered) -> np.ndarray:
    """Return images that have three classes, the least sure first.

    That of a cluster is what the fit says of most of its images.
    """
    structure, frozen = asking.structure, asking.frozen
    rows, answers = structure.rows, asking.fit.found
    count = frozen.classes if answers is None else len(answers.answers)
    clusters, _ = structure.clusters(max(frozen.classes, count))
    votes = np.zeros((clusters.max() + 1, frozen.classes + 1))
    np.add.at(votes, (clusters, labels[rows]), 1)
    cluster = votes.argmax(axis=1)[clusters]
    model = labels[rows] % votes.shape[1]
    zero_shot = frozen.labels[rows]
    three = (cluster != model) & (cluster != zero_shot) & (model != zero_shot)
    found = rows[three & ~answered[rows]]
    return found[np.argsort(sure[found], kind='stable')][:LISTED]


def _twins(asking, labels, answered) -> Iterator[tuple[int, int]]:
    """Yield near-duplicates of two classes, the nearest first.

    Of a pair, the one that was not answered; its twin is like it.
    """
    structure = asking.structure
    edges = structure.graph.tocoo()
    one, other = edges.row, edges.col
    differ = (one < other) & (
        labels[structure.rows[one]] != labels[structure.rows[other]]
    )
    one, other = one[differ], other[differ]
    cosine = (structure.unit[one] * structure.unit[other]).sum(axis=1)
    order = np.argsort(-cosine, kind='stable')
    order = order[cosine[order] >= structure.options.duplicate][:LISTED]
    for pair in zip(one[order], other[order], strict=True):
        first, second = (int(row) for row in structure.rows[list(pair)])
        if answered[first]:
            first, second = second, first
        if not answered[first]:
            yield first, second


def write_review(path: Path, asking: Asking, found: list[ReviewImage]) -> None:
    """Write ``review.csv``.

    Args:
        path (Path): The file.
        asking (Asking): What is known of the images.
        found (list[ReviewImage]): Of `find_review`.
    """
    ids, classes = asking.record.ids, [*asking.classes, NONE]
    given = asking.record.given(lmm=True)
    rows = [
        [
            ids[image.row],
            image.reason,
            classes[image.label],
            f'{image.confidence:.4f}',
            classes[asking.frozen.labels[image.row]],
            given.get(ids[image.row], ('', ''))[0],
            '' if image.like is None else ids[image.like],
        ]
        for image in found
    ]
    write_rows(path, [COLUMNS, *rows])


def review_sections(
    asking: Asking, found: list[ReviewImage]
) -> list[ReviewSection]:
    """Return what the report shows of them, one section a reason."""
    ids, classes = asking.record.ids, [*asking.classes, NONE]
    given = asking.record.given(lmm=True)
    sections = {}
    for reason, (title, about) in SECTIONS.items():
        sections[reason] = ReviewSection(title, about)
    for image in found:
        name = ids[image.row]
        # Without its posterior, which is far too sure.
        lines = [f'fit: {classes[image.label]}']
        if name in given:
            lines.insert(0, f'answer: {given[name][0]} ({given[name][1]})')
        lines.append(f'zero-shot: {classes[asking.frozen.labels[image.row]]}')
        if image.like is not None:
            lines.append(f'nearly the same: {ids[image.like]}')
        path = asking.dataset.get_data_info(image.row)['img_path']
        sections[image.reason].images.append((name, path, lines))
    return [section for section in sections.values() if section.images]
