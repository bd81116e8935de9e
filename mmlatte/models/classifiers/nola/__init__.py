"""NoLA (arXiv 2411.19346), readable beside the paper."""

from .nola_classifier import NoLAClassifier

__all__ = ['NoLAClassifier']
