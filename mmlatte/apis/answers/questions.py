"""Which images to ask a person about, as a table and as a page."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mmlatte.datasets.answers import NONE, SKIP
from mmlatte.datasets.answers.formats.table import read_text, records
from mmlatte.datasets.csv_rows import write_rows
from mmlatte.fits import FrozenFeatures
from mmlatte.fits.neighbour_graph import nearest_images
from mmlatte.visualization import Question, write_questions_page

__all__ = [
    'make_questions',
    'nearest_images',
    'read_round',
    'write_questions',
    'write_round',
]

#: The round of questions in the folder of results.
ROUND = 'questions.csv'
#: Similar images shown beside the one in question; likely classes shown first.
NEIGHBOURS, LIKELY = 6, 9


def make_questions(
    frozen: FrozenFeatures,
    rows: Sequence[int],
    shares: Sequence[float],
    posteriors: np.ndarray,
    ids: Sequence[str],
) -> list[Question]:
    """Put what a person is shown together.

    Args:
        frozen (FrozenFeatures): N images.
        rows (Sequence[int]): The Q images to ask about.
        shares (Sequence[float]): Of the images that each speaks for, (Q,).
        posteriors (np.ndarray): Of the classes, so far, for the Q images,
            (Q, C).
        ids (Sequence[str]): Sample ids of the Q images.
    """
    near = nearest_images(frozen, rows, NEIGHBOURS)
    order = np.argsort(-posteriors, axis=1, kind='stable')[:, :LIKELY]
    return [
        Question(
            id=ids[i],
            index=int(row),
            share=float(shares[i]),
            likely=order[i].tolist(),
            neighbours=near[i].tolist(),
        )
        for i, row in enumerate(rows)
    ]


def write_questions(
    folder: Path,
    questions: Sequence[Question],
    class_names: Sequence[str],
    load: Callable[[int], Image.Image],
    command: str,
) -> tuple[Path, Path]:
    """Write ``questions.csv`` and ``questions.html``.

    Args:
        folder (Path): Where to.
        questions (Sequence[Question]): In the order of asking.
        class_names (Sequence[str]): All classes.
        load (Callable): Sample -> its image.
        command (str): How to go on when all is answered.

    Returns:
        tuple[Path, Path]: Both files.
    """
    page = folder / 'questions.html'
    table = write_round(folder, questions, class_names)
    write_questions_page(
        page,
        questions,
        class_names,
        none=NONE,
        skip=SKIP,
        command=command,
        load=load,
    )
    return table, page


def write_round(
    folder: Path, questions: Sequence[Question], class_names: Sequence[str]
) -> Path:
    """Write ``questions.csv``: image, share and current guess."""
    path = folder / ROUND
    rows = [
        [q.id, f'{q.share:.4f}', class_names[q.likely[0]]] for q in questions
    ]
    write_rows(path, [['image', 'share', 'guess'], *rows])
    return path


def read_round(folder: Path) -> dict[str, float]:
    """Return image -> share of the last round, in its order; {} before any."""
    path = folder / ROUND
    if not path.exists():
        return {}
    _, *rows = records(read_text(path), ',')
    return {row[0]: float(row[1]) for _, row in rows}
