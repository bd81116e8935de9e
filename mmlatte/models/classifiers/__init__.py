from .flyp import FLYPClassifier
from .gda import GDAClassifier
from .latteclip import LatteCLIPClassifier
from .prototype_classifier import PrototypeClassifier
from .zero_shot_clip import ZeroShotCLIP

__all__ = [
    'GDAClassifier',
    'FLYPClassifier',
    'LatteCLIPClassifier',
    'PrototypeClassifier',
    'ZeroShotCLIP',
]
