"""A few answers: which images to ask about, and what to make of them."""

from .accuracy_estimate import AccuracyEstimate
from .answered_fit import AnsweredFit, fit_answered
from .answers_fit import AnswersFit
from .answers_options import AnswersOptions
from .choose import choose
from .fit_answers import fit_answers
from .given_answers import NONE, SKIP, GivenAnswers
from .image_structure import ImageStructure
from .name_weight import NameEvidence, name_evidence
from .none_of_these import MIN_NONE, NoneOfThese
from .questions import Questions

__all__ = [
    'MIN_NONE',
    'NONE',
    'SKIP',
    'AccuracyEstimate',
    'AnsweredFit',
    'AnswersFit',
    'AnswersOptions',
    'GivenAnswers',
    'ImageStructure',
    'NameEvidence',
    'NoneOfThese',
    'Questions',
    'choose',
    'fit_answered',
    'fit_answers',
    'name_evidence',
]
