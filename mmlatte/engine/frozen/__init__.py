"""The pass of frozen CLIP over the images, and its cache."""

from .feature_cache import FeatureCache
from .frozen_pass import FrozenPass, UnreadableImagesError
from .frozen_view import FrozenView
from .zero_shot_labels import ZeroShotLabels

__all__ = [
    'FeatureCache',
    'FrozenPass',
    'FrozenView',
    'UnreadableImagesError',
    'ZeroShotLabels',
]
