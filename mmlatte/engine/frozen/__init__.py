"""The pass of frozen CLIP over the images, and its cache."""

from .feature_cache import FeatureCache

__all__ = ['FeatureCache']
