from .flyp import FLYPClassifier
from .latteclip import LatteCLIPClassifier
from .prototype_classifier import PrototypeClassifier
from .zero_shot_clip import ZeroShotCLIP

__all__ = [
    'FLYPClassifier',
    'LatteCLIPClassifier',
    'PrototypeClassifier',
    'ZeroShotCLIP',
]
