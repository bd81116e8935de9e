"""Which of several answers of one annotator about one image counts."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone

from mmlatte.datasets.answers.answer import Answer

__all__ = ['Newest', 'instant', 'newest']


@dataclass
class Newest:
    """What `newest` found.

    Args:
        answers (list[Answer]): One of each annotator about each image.
        older (list[Answer]): Left out, for the same annotator said something
            else later.
        by_order (list[Answer]): Those that count because they came last; time
            tells nothing, for they or the ones before have none.
    """

    answers: list[Answer] = field(default_factory=list)
    older: list[Answer] = field(default_factory=list)
    by_order: list[Answer] = field(default_factory=list)

    def notes(self) -> list[str]:
        """Return sentences about answers that others replaced."""
        notes = []
        if self.older:
            notes.append(
                f'{len(self.older)} answers are left out, for the same '
                f'annotator said something else later: {_some(self.older)}'
            )
        if self.by_order:
            notes.append(
                f'{len(self.by_order)} answers replace another of the same '
                'annotator that was given before; one of the two has no time, '
                f'so that their order decides: {_some(self.by_order)}'
            )
        return notes


def newest(groups: Iterable[Iterable[Answer]]) -> Newest:
    """Let the newer of two answers count, or else the one given last.

    Args:
        groups (Iterable[Iterable[Answer]]): Answers in the order they were
            given; within a group, an annotator answers about an image once.

    Examples:
        >>> may, june = '2026-05-01T00:00:00Z', '2026-06-01T00:00:00Z'
        >>> cat = Answer('1.jpg', 'cat', when=june)
        >>> dog = Answer('1.jpg', 'dog', when=may)
        >>> [a.class_name for a in newest([[cat], [dog]]).answers]
        ['cat']
        >>> [a.class_name for a in newest([[cat], [Answer('1.jpg', 'dog')]])
        ...  .answers]
        ['dog']
    """
    found = Newest()
    kept: dict[tuple[str, str], Answer] = {}
    by_order: dict[tuple[str, str], Answer] = {}
    for group in groups:
        for answer in group:
            key = answer.image, answer.source
            before = kept.setdefault(key, answer)
            if before is answer:
                continue
            then, now = instant(before.when), instant(answer.when)
            dated = then is not None and now is not None
            same = _content(before) == _content(answer)
            if dated and now <= then:
                if not same:
                    found.older.append(answer)
                continue
            # The same answer without a time is no news.
            if dated or not same:
                kept[key] = answer
                by_order.pop(key, None)
                if not dated:
                    by_order[key] = answer
    found.answers = [*kept.values()]
    found.by_order = [*by_order.values()]
    return found


def instant(when: str) -> datetime | None:
    """Return a time of ISO 8601, None for none; without a zone it is UTC.

    Raises:
        ValueError: If it is no such time.

    Examples:
        >>> instant('2026-05-01T12:00:00+02:00') == instant(
        ...     '2026-05-01T10:00:00.000000Z'
        ... )
        True
    """
    if not when:
        return None
    try:
        # Python 3.10 does not know Z, nor fractions of 1 or 2 digits.
        time = datetime.fromisoformat(when.strip().replace('Z', '+00:00'))
    except ValueError:
        raise ValueError(
            f'time {when!r} is not written as ISO 8601, such as '
            '2026-05-01T12:30:00Z; correct it, or leave it empty'
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def _content(answer: Answer) -> tuple[str, float]:
    return answer.class_name, answer.confidence


def _some(answers: list[Answer]) -> str:
    names = [repr(answer.image) for answer in answers[:5]]
    return ', '.join(names) + (', ...' if len(answers) > 5 else '')
