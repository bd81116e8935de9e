"""Labels by transport from what names and images say (arXiv 2506.13723)."""

from .balance_classes import balance_classes
from .fit_transport import fit_transport
from .joint_features import JointFeatures
from .source_classifier import SourceClassifier
from .transport_options import TransportOptions

__all__ = [
    'JointFeatures',
    'SourceClassifier',
    'TransportOptions',
    'balance_classes',
    'fit_transport',
]
