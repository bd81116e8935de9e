"""Data sets and the transforms of their samples."""

from .collate import stack_samples
from .coop_split import CoOpSplitDataset
from .eurosat import EuroSAT
from .openmoji import OpenMoji
from .samplers import GlobalBatchSampler
from .transforms import *  # noqa: F403
from .unlabeled_folder import UnlabeledFolder

__all__ = [
    'CoOpSplitDataset',
    'EuroSAT',
    'GlobalBatchSampler',
    'OpenMoji',
    'UnlabeledFolder',
    'stack_samples',
]
