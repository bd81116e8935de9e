"""Data sets and the transforms of their samples."""

from . import coop
from .class_folder import ClassFolder
from .collate import stack_samples
from .coop import *  # noqa: F403
from .samplers import GlobalBatchSampler
from .transforms import *  # noqa: F403
from .unlabeled_folder import UnlabeledFolder

__all__ = [
    *coop.__all__,
    'ClassFolder',
    'GlobalBatchSampler',
    'UnlabeledFolder',
    'stack_samples',
]
