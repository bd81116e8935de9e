"""Files of any kind to upright 8-bit RGB, for all who look at images."""

from .decode import WHITE, decode_image
from .decode_options import DecodeOptions, DecodeOptionsError
from .folder_range import FolderRange, look_at_folder
from .optional_package import MissingPackageError
from .suffixes import IMAGE_SUFFIXES, kind_and_reason

__all__ = [
    'IMAGE_SUFFIXES',
    'WHITE',
    'DecodeOptions',
    'DecodeOptionsError',
    'FolderRange',
    'MissingPackageError',
    'decode_image',
    'kind_and_reason',
    'look_at_folder',
]
