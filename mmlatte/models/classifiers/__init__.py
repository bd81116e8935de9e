from .dpa import DPAClassifier
from .flyp import FLYPClassifier
from .gda import GDAClassifier
from .lafter import LaFTerClassifier
from .latteclip import LatteCLIPClassifier
from .microclip import MicroCLIPClassifier
from .prototype_classifier import PrototypeClassifier
from .pseudo_label_classifier import PseudoLabelClassifier
from .self_training_classifier import SelfTrainingClassifier
from .zero_shot_clip import ZeroShotCLIP

__all__ = [
    'GDAClassifier',
    'DPAClassifier',
    'FLYPClassifier',
    'LaFTerClassifier',
    'LatteCLIPClassifier',
    'MicroCLIPClassifier',
    'PrototypeClassifier',
    'PseudoLabelClassifier',
    'SelfTrainingClassifier',
    'ZeroShotCLIP',
]
