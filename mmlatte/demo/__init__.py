"""Real weights and real images that come with pip packages, for the demo."""

from .aligned_clip import build_demo_clip
from .demo_clip import DemoCLIP
from .openmoji import OpenMoji
from .pictograms import CLASSES, build_demo_images

__all__ = [
    'CLASSES',
    'DemoCLIP',
    'OpenMoji',
    'build_demo_clip',
    'build_demo_images',
]
