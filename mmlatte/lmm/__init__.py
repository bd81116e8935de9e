"""What talks to large multimodal models, and keeps what they say."""

from .base_lmm import Answer, BaseLMM, LMMRequest, LMMUnavailableError
from .collage import make_collage
from .known_keys import KnownKeys
from .load_image import ImageError, load_image
from .openai_compatible_lmm import OpenAICompatibleLMM
from .prompts import DATASET_PROMPTS, GroupOptions
from .quality import clean_text, find_problem
from .shard_plan import ShardPlan
from .store_folder import store_folder, store_name
from .synthesis import Counts, missing_texts, synthesize
from .tag_captioner import TagCaptioner
from .team import Team
from .text_file import TextFile
from .text_record import TextRecord, record_key
from .text_store import TextStore
from .training_texts import TrainingTexts
from .transformers_lmm import TransformersLMM
from .vllm_lmm import VLLMLMM
from .wanted_texts import WantedTexts

__all__ = [
    'DATASET_PROMPTS',
    'Answer',
    'BaseLMM',
    'Counts',
    'GroupOptions',
    'ImageError',
    'KnownKeys',
    'LMMRequest',
    'LMMUnavailableError',
    'OpenAICompatibleLMM',
    'ShardPlan',
    'TagCaptioner',
    'Team',
    'TextFile',
    'TextRecord',
    'TextStore',
    'TrainingTexts',
    'TransformersLMM',
    'VLLMLMM',
    'WantedTexts',
    'clean_text',
    'find_problem',
    'load_image',
    'make_collage',
    'missing_texts',
    'record_key',
    'store_folder',
    'store_name',
    'synthesize',
]
