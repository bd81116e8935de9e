"""Closed questions to models that only write texts."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .choice import Choice
from .parse_choice import parse_choice, parse_json

if TYPE_CHECKING:
    from ..base_lmm import Answer, BaseLMM
    from .closed_question import ClosedQuestion

__all__ = ['choose_by_text', 'read_choice']


def choose_by_text(
    lmm: 'BaseLMM', questions: Iterable['ClosedQuestion']
) -> Iterator[list[Choice]]:
    """Let a model write short texts, and find the names in them.

    Args:
        lmm (BaseLMM): The model.
        questions (Iterable[ClosedQuestion]): What to ask.

    Yields:
        list[Choice]: What was finished together.
    """
    for answers in lmm.generate(questions):
        yield [read_choice(answer) for answer in answers]


def read_choice(
    answer: 'Answer', way: str = 'text', stored: bool = False
) -> Choice:
    """Return what a text picks.

    Args:
        answer (Answer): To a `ClosedQuestion`.
        way (str): How the text was had.
        stored (bool): Whether the text may be one of `Choice.to_json`, which
            tells way and confidence. What a model writes about itself does
            not count.

    Raises:
        ValueError: If a stored confidence is none.
    """
    question: ClosedQuestion = answer.request  # type: ignore[assignment]
    if answer.error:
        return Choice(question, error=answer.error)
    place = parse_choice(answer.text, question.names, question.letters)
    if place is None:
        said = ' '.join(answer.text.split())[:200]
        return Choice(question, error=f'no name in: {said}')
    told = (parse_json(answer.text) or {}) if stored else {}
    confidence = told.get('confidence')
    if confidence is not None and not 0 <= confidence <= 1:
        raise ValueError(
            f'{question.sample_id}: confidence={confidence} is not from 0 to 1'
        )
    return Choice(question, place, told.get('way', way), confidence)
