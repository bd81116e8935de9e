from .dpa import DPAClassifier
from .flyp import FLYPClassifier
from .gda import GDAClassifier
from .lafter import LaFTerClassifier
from .latteclip import LatteCLIPClassifier
from .latteplus import LattePlusClassifier
from .latteplus_tuned import LattePlusTunedClassifier
from .microclip import MicroCLIPClassifier
from .must import MUSTClassifier
from .ntua import NtUAClassifier
from .prototype_classifier import PrototypeClassifier
from .pseudo_label_classifier import PseudoLabelClassifier
from .reclip import ReCLIPClassifier
from .self_training_classifier import SelfTrainingClassifier
from .transclip import TransCLIPClassifier
from .zero_shot_clip import ZeroShotCLIP

__all__ = [
    'DPAClassifier',
    'FLYPClassifier',
    'GDAClassifier',
    'LaFTerClassifier',
    'LatteCLIPClassifier',
    'LattePlusClassifier',
    'LattePlusTunedClassifier',
    'MUSTClassifier',
    'MicroCLIPClassifier',
    'NtUAClassifier',
    'PrototypeClassifier',
    'ReCLIPClassifier',
    'PseudoLabelClassifier',
    'SelfTrainingClassifier',
    'TransCLIPClassifier',
    'ZeroShotCLIP',
]
