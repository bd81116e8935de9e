from .classifiers import (
    FLYPClassifier,
    LatteCLIPClassifier,
    PrototypeClassifier,
    ZeroShotCLIP,
)
from .clip import *  # noqa: F403
from .heads import DualPseudoLabelHead
from .losses import ContrastiveLoss
from .memory import LearnedPrototypes, PrototypeMemory
from .necks import DynamicFeatureMixer
from .tuning import BlockTuning, LoRATuning, NormTuning

__all__ = [
    'BlockTuning',
    'ContrastiveLoss',
    'DualPseudoLabelHead',
    'DynamicFeatureMixer',
    'FLYPClassifier',
    'LatteCLIPClassifier',
    'LearnedPrototypes',
    'LoRATuning',
    'NormTuning',
    'PrototypeClassifier',
    'PrototypeMemory',
    'ZeroShotCLIP',
]
