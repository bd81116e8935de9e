# Before mmpretrain, which would import transformers with mmengine's Runner.
import mmlatte.registry  # noqa: F401
from mmlatte.fits import FrozenFeatures

from . import classifiers
from .classifiers import *  # noqa: F403
from .clip import *  # noqa: F403
from .encoders import TimmEncoder, TransformersEncoder
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
    *classifiers.__all__,
    'BlockTuning',
    'CandidateSelection',
    'ContrastiveLoss',
    'DualPseudoLabelHead',
    'DynamicFeatureMixer',
    'FrozenFeatures',
    'GrowingSelection',
    'LearnedPrototypes',
    'LoRATuning',
    'NormTuning',
    'PrototypeMemory',
    'TimmEncoder',
    'TopKSelection',
    'TransformersEncoder',
]
