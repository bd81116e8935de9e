"""Answers about images: labels of a few of them, and who gave them."""

from mmlatte.datasets.answers.answer import LMM_SOURCE, NONE, SKIP, Answer
from mmlatte.datasets.answers.answer_arrays import NONE_LABEL, AnswerArrays
from mmlatte.datasets.answers.answered_images import AnsweredImages
from mmlatte.datasets.answers.answers import Answers
from mmlatte.datasets.answers.answers_file import AnswersFile
from mmlatte.datasets.answers.newest import Newest, newest
from mmlatte.datasets.answers.problems import AnswersError
from mmlatte.datasets.answers.read_answers import (
    check_answers,
    read_answers,
)
from mmlatte.datasets.answers.write_answers import write_answers

__all__ = [
    'LMM_SOURCE',
    'NONE',
    'NONE_LABEL',
    'SKIP',
    'Answer',
    'AnswerArrays',
    'AnsweredImages',
    'Answers',
    'AnswersError',
    'AnswersFile',
    'Newest',
    'check_answers',
    'newest',
    'read_answers',
    'write_answers',
]
