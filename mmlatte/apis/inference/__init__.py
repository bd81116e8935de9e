"""From a run to the classes of images."""

from .find_images import find_images
from .inferencer import Inferencer
from .load_classifier import load_classifier
from .suit_images import suit_images

__all__ = ['Inferencer', 'find_images', 'load_classifier', 'suit_images']
