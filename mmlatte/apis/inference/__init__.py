"""From a run to the classes of images."""

from .find_images import find_images
from .inferencer import Inferencer
from .load_classifier import load_classifier

__all__ = ['Inferencer', 'find_images', 'load_classifier']
