"""Which answers the results in a folder are of."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from mmlatte.atomic_file import atomic_file
from mmlatte.datasets.answers import SKIP, Answers

__all__ = ['digest', 'note_used', 'used_before']

USED = 'answers_used.json'


def used_before(folder: Path) -> dict | None:
    """Return number and digest of the answers of the last fit."""
    note = folder / USED
    return json.loads(note.read_text()) if note.exists() else None


def note_used(
    folder: Path, count: int, answers: Answers, classes: Sequence[str]
) -> None:
    """Note which answers the next fit takes.

    Args:
        folder (Path): Folder of the results.
        count (int): Answers that say something.
        answers (Answers): All of them.
        classes (Sequence[str]): The class names.
    """
    with atomic_file(folder / USED) as file:
        note = dict(count=count, digest=digest(answers, classes))
        file.write(json.dumps(note).encode())


def digest(answers: Answers, classes: Sequence[str]) -> str:
    """Return what stands for answers, and the classes they choose from."""
    rows = sorted(
        (a.image, a.source, a.class_name, a.confidence)
        for a in answers
        if a.class_name != SKIP
    )
    content = json.dumps([[*classes], rows])
    return hashlib.sha256(content.encode()).hexdigest()
