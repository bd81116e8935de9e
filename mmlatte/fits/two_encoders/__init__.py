"""Fits of two encoders of the same images."""

from .join_encoders import DIRECTIONS, join_encoders
from .joined_encoders import JoinedEncoders
from .label_with_both import label_with_both

__all__ = [
    'DIRECTIONS',
    'JoinedEncoders',
    'join_encoders',
    'label_with_both',
]
