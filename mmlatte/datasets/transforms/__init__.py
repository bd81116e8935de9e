from .drop_labels import DropLabels
from .load_image import LoadImage
from .seed_per_sample import SeedPerSample

__all__ = ['DropLabels', 'LoadImage', 'SeedPerSample']
