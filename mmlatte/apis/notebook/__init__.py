"""Questions and answers in a notebook or a script."""

from .ask import ask
from .asked_image import AskedImage
from .asked_images import AskedImages
from .fit import fit
from .folder_fit import Contradiction, FolderFit

__all__ = [
    'AskedImage',
    'AskedImages',
    'Contradiction',
    'FolderFit',
    'ask',
    'fit',
]
