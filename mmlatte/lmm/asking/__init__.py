"""Which texts are wanted, how they are asked for, and who asks."""

from .closed import ClosedOptions, ClosedTask
from .collage import make_collage
from .prompts import GroupOptions
from .quality import clean_text, find_problem
from .shared_work import SharedWork
from .synthesis import Counts, missing_texts, synthesize
from .text_job import TextJob, check_lmm_early
from .training_texts import TrainingTexts
from .wanted_texts import WantedTexts

__all__ = [
    'ClosedOptions',
    'ClosedTask',
    'Counts',
    'GroupOptions',
    'SharedWork',
    'TextJob',
    'TrainingTexts',
    'WantedTexts',
    'check_lmm_early',
    'clean_text',
    'find_problem',
    'make_collage',
    'missing_texts',
    'synthesize',
]
