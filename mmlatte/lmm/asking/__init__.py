"""Which texts are wanted, how they are asked for, and who asks."""

from .collage import make_collage
from .prompts import GroupOptions
from .quality import clean_text, find_problem
from .shard_plan import ShardPlan
from .synthesis import Counts, missing_texts, synthesize
from .team import Team
from .training_texts import TrainingTexts
from .wanted_texts import WantedTexts

__all__ = [
    'Counts',
    'GroupOptions',
    'ShardPlan',
    'Team',
    'TrainingTexts',
    'WantedTexts',
    'clean_text',
    'find_problem',
    'make_collage',
    'missing_texts',
    'synthesize',
]
