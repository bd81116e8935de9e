"""A folder of images before anything else is done with it."""

from .folder_images import FolderImages, open_folder
from .skip_unreadable import skip_unreadable
from .unreadable import UNREADABLE, find_unreadable

__all__ = [
    'UNREADABLE',
    'FolderImages',
    'find_unreadable',
    'open_folder',
    'skip_unreadable',
]
