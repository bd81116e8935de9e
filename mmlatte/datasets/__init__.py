"""Data sets and the transforms of their samples."""

from .caltech101 import Caltech101
from .class_folder import ClassFolder
from .collate import stack_samples
from .coop_benchmark import CoOpBenchmark
from .coop_split import CoOpSplitDataset
from .cub import CUB
from .dtd import DTD
from .eurosat import EuroSAT
from .fgvc_aircraft import FGVCAircraft
from .flowers102 import Flowers102
from .food101 import Food101
from .openmoji import OpenMoji
from .oxford_pets import OxfordPets
from .resisc45 import RESISC45
from .samplers import GlobalBatchSampler
from .stanford_cars import StanfordCars
from .sun397 import SUN397
from .transforms import *  # noqa: F403
from .ucf101 import UCF101
from .ucmerced import UCMerced
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
    'OpenMoji',
    'OxfordPets',
    'RESISC45',
    'StanfordCars',
    'SUN397',
    'UCF101',
    'UCMerced',
    'UnlabeledFolder',
    'stack_samples',
]
