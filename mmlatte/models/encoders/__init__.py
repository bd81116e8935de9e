"""Frozen vision models whose features stand beside those of CLIP."""

from .frozen_encoder import FrozenEncoder
from .timm_encoder import TimmEncoder
from .transformers_encoder import TransformersEncoder
from .two_encoder_preprocessor import TwoEncoderPreprocessor

__all__ = [
    'FrozenEncoder',
    'TimmEncoder',
    'TransformersEncoder',
    'TwoEncoderPreprocessor',
]
