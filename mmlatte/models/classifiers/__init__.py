from .dpa import DPAClassifier
from .fitted_methods import (
    AnswersClassifier,
    GDAClassifier,
    LattePlusClassifier,
    ReCLIPClassifier,
    TransCLIPClassifier,
    TransportClassifier,
)
from .flyp import FLYPClassifier
from .lafter import LaFTerClassifier
from .latteclip import LatteCLIPClassifier
from .latteplus_tuned import LattePlusTunedClassifier
from .microclip import MicroCLIPClassifier
from .must import MUSTClassifier
from .nola import NoLAClassifier
from .ntua import NtUAClassifier
from .prototype_classifier import PrototypeClassifier
from .pseudo_label_classifier import PseudoLabelClassifier
from .self_training_classifier import SelfTrainingClassifier
from .zero_shot_clip import ZeroShotCLIP

__all__ = [
    'AnswersClassifier',
    'DPAClassifier',
    'FLYPClassifier',
    'GDAClassifier',
    'LaFTerClassifier',
    'LatteCLIPClassifier',
    'LattePlusClassifier',
    'LattePlusTunedClassifier',
    'MUSTClassifier',
    'MicroCLIPClassifier',
    'NoLAClassifier',
    'NtUAClassifier',
    'PrototypeClassifier',
    'ReCLIPClassifier',
    'PseudoLabelClassifier',
    'SelfTrainingClassifier',
    'TransCLIPClassifier',
    'TransportClassifier',
    'ZeroShotCLIP',
]
