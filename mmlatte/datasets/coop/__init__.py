"""Data sets in the layout of CoOp's DATASETS.md."""

from .benchmarks import (
    CUB,
    DTD,
    RESISC45,
    SUN397,
    UCF101,
    Caltech101,
    Flowers102,
    Food101,
    OxfordPets,
    StanfordCars,
    UCMerced,
)
from .coop_benchmark import CoOpBenchmark
from .coop_split import CoOpSplitDataset
from .eurosat import EuroSAT
from .fgvc_aircraft import FGVCAircraft

__all__ = [
    'CUB',
    'Caltech101',
    'CoOpBenchmark',
    'CoOpSplitDataset',
    'DTD',
    'EuroSAT',
    'FGVCAircraft',
    'Flowers102',
    'Food101',
    'OxfordPets',
    'RESISC45',
    'SUN397',
    'StanfordCars',
    'UCF101',
    'UCMerced',
]
