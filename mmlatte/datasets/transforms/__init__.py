from .drop_labels import DropLabels
from .load_activations import LoadActivations
from .load_image import LoadImage
from .load_texts import LoadTexts
from .rand_augment import RandAugment
from .seed_per_sample import SeedPerSample

__all__ = [
    'DropLabels',
    'LoadActivations',
    'LoadImage',
    'LoadTexts',
    'RandAugment',
    'SeedPerSample',
]
