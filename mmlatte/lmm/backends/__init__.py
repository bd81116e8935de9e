"""What turns an image and a prompt into a text."""

from .base_lmm import (
    Answer,
    BaseLMM,
    LMMRequest,
    LMMUnavailableError,
    QuestionTokens,
)
from .choices.choice import Choice
from .choices.closed_question import ClosedQuestion
from .load_image import ImageError, load_image
from .openai_compatible_lmm import OpenAICompatibleLMM
from .tag_captioner import TagCaptioner
from .text_file import TextFile
from .transformers_lmm import TransformersLMM
from .vllm_lmm import VLLMLMM

__all__ = [
    'Answer',
    'BaseLMM',
    'Choice',
    'ClosedQuestion',
    'ImageError',
    'LMMRequest',
    'LMMUnavailableError',
    'OpenAICompatibleLMM',
    'QuestionTokens',
    'TagCaptioner',
    'TextFile',
    'TransformersLMM',
    'VLLMLMM',
    'load_image',
]
