from .dpa import DPAClassifier
from .flyp import FLYPClassifier
from .gda import GDAClassifier
from .latteclip import LatteCLIPClassifier
from .prototype_classifier import PrototypeClassifier
from .reclip import ReCLIPClassifier
from .self_training_classifier import SelfTrainingClassifier
from .transclip import TransCLIPClassifier
from .zero_shot_clip import ZeroShotCLIP

__all__ = [
    'DPAClassifier',
    'FLYPClassifier',
    'GDAClassifier',
    'LatteCLIPClassifier',
    'PrototypeClassifier',
    'ReCLIPClassifier',
    'SelfTrainingClassifier',
    'TransCLIPClassifier',
    'ZeroShotCLIP',
]
