"""Which texts are wanted, how they are asked for, and who asks."""

from .budget import (
    ALL,
    Described,
    check_budget,
    described_count,
    find_typical,
)
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
    'ALL',
    'ClosedOptions',
    'ClosedTask',
    'Counts',
    'Described',
    'GroupOptions',
    'SharedWork',
    'TextJob',
    'TrainingTexts',
    'WantedTexts',
    'check_budget',
    'check_lmm_early',
    'clean_text',
    'described_count',
    'find_problem',
    'find_typical',
    'make_collage',
    'missing_texts',
    'synthesize',
]
