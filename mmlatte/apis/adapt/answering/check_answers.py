"""Stops before a fit that the answers are too few for."""

from mmlatte.datasets.answers import NONE
from mmlatte.fits.answers import MIN_NONE

from .answers_record import AnswersRecord

__all__ = ['check_none', 'check_used']


def check_used(record: AnswersRecord) -> None:
    """Stop where there is nothing to fit.

    Raises:
        ValueError: If no answer says anything.
    """
    if record.used:
        return
    if len(record.answers):
        raise ValueError(
            f'the {len(record.answers)} answers in {record.path} all skip '
            'their image (or have confidence 0): answer some more '
            '(--ask 24)'
        )
    raise ValueError('there are no answers yet: ask some questions (--ask 24)')


def check_none(record: AnswersRecord, none_below: float) -> None:
    """Stop before a fit that could not tell images of none of the classes.

    Raises:
        ValueError: If too few answers say so.
    """
    names = [name for name, _ in record.given().values()]
    if names.count(NONE) < MIN_NONE:
        raise ValueError(
            f'none_below={none_below}: {names.count(NONE)} images are '
            f'answered with {NONE!r}, {MIN_NONE} are needed to tell how '
            'probable it is; answer some more (--ask 24)'
        )
