"""Closed questions: which of these names does an image bear?"""

from .ask_closed import ask_closed
from .closed_options import ClosedOptions
from .closed_questions import ClosedQuestions
from .closed_task import ClosedTask
from .given_choice import GivenChoice, choice_records, given_choices

__all__ = [
    'ClosedOptions',
    'ClosedQuestions',
    'ClosedTask',
    'GivenChoice',
    'ask_closed',
    'choice_records',
    'given_choices',
]
