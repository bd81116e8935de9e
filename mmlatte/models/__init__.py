from .classifiers import (
    LatteCLIPClassifier,
    PrototypeClassifier,
    ZeroShotCLIP,
)
from .clip import *  # noqa: F403
from .heads import DualPseudoLabelHead
from .losses import ContrastiveLoss
from .memory import PrototypeMemory
from .necks import DynamicFeatureMixer

__all__ = [
    'ContrastiveLoss',
    'DualPseudoLabelHead',
    'DynamicFeatureMixer',
    'LatteCLIPClassifier',
    'PrototypeClassifier',
    'PrototypeMemory',
    'ZeroShotCLIP',
]
