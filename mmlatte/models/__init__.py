from mmlatte.fits import FrozenFeatures

from .classifiers import (
    AnswersClassifier,
    DPAClassifier,
    FLYPClassifier,
    GDAClassifier,
    LaFTerClassifier,
    LatteCLIPClassifier,
    LattePlusClassifier,
    LattePlusTunedClassifier,
    MicroCLIPClassifier,
    MUSTClassifier,
    NtUAClassifier,
    PrototypeClassifier,
    PseudoLabelClassifier,
    ReCLIPClassifier,
    TransCLIPClassifier,
    ZeroShotCLIP,
)
from .clip import *  # noqa: F403
from .heads import DualPseudoLabelHead
from .losses import ContrastiveLoss
from .memory import LearnedPrototypes, PrototypeMemory
from .necks import DynamicFeatureMixer
from .pseudo_labels import (
    CandidateSelection,
    GrowingSelection,
    TopKSelection,
)
from .tuning import BlockTuning, LoRATuning, NormTuning

__all__ = [
    'AnswersClassifier',
    'CandidateSelection',
    'GrowingSelection',
    'TopKSelection',
    'BlockTuning',
    'ContrastiveLoss',
    'DPAClassifier',
    'DualPseudoLabelHead',
    'DynamicFeatureMixer',
    'FLYPClassifier',
    'FrozenFeatures',
    'GDAClassifier',
    'LaFTerClassifier',
    'LatteCLIPClassifier',
    'LattePlusClassifier',
    'LattePlusTunedClassifier',
    'LearnedPrototypes',
    'MUSTClassifier',
    'MicroCLIPClassifier',
    'LoRATuning',
    'NormTuning',
    'NtUAClassifier',
    'PrototypeClassifier',
    'PrototypeMemory',
    'ReCLIPClassifier',
    'TransCLIPClassifier',
    'PseudoLabelClassifier',
    'ZeroShotCLIP',
]
