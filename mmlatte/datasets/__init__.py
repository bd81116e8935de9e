"""Data sets and the transforms of their samples."""

from .class_folder import ClassFolder
from .collate import stack_samples
from .coop import (
    CUB,
    DTD,
    RESISC45,
    SUN397,
    UCF101,
    Caltech101,
    CoOpBenchmark,
    CoOpSplitDataset,
    EuroSAT,
    FGVCAircraft,
    Flowers102,
    Food101,
    OxfordPets,
    StanfordCars,
    UCMerced,
)
from .samplers import GlobalBatchSampler
from .transforms import *  # noqa: F403
from .unlabeled_folder import UnlabeledFolder

__all__ = [
    'Caltech101',
    'ClassFolder',
    'CoOpBenchmark',
    'CoOpSplitDataset',
    'CUB',
    'DTD',
    'EuroSAT',
    'FGVCAircraft',
    'Flowers102',
    'Food101',
    'GlobalBatchSampler',
    'OxfordPets',
    'RESISC45',
    'StanfordCars',
    'SUN397',
    'UCF101',
    'UCMerced',
    'UnlabeledFolder',
    'stack_samples',
]
