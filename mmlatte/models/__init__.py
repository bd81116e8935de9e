from .classifiers import (
    DPAClassifier,
    FLYPClassifier,
    GDAClassifier,
    LatteCLIPClassifier,
    MicroCLIPClassifier,
    PrototypeClassifier,
    ZeroShotCLIP,
)
from .clip import *  # noqa: F403
from .frozen_features import FrozenFeatures
from .heads import DualPseudoLabelHead
from .losses import ContrastiveLoss
from .memory import LearnedPrototypes, PrototypeMemory
from .necks import DynamicFeatureMixer
from .tuning import BlockTuning, LoRATuning, NormTuning

__all__ = [
    'BlockTuning',
    'ContrastiveLoss',
    'DPAClassifier',
    'DualPseudoLabelHead',
    'DynamicFeatureMixer',
    'FrozenFeatures',
    'GDAClassifier',
    'FLYPClassifier',
    'LatteCLIPClassifier',
    'LearnedPrototypes',
    'MicroCLIPClassifier',
    'LoRATuning',
    'NormTuning',
    'PrototypeClassifier',
    'PrototypeMemory',
    'ZeroShotCLIP',
]
