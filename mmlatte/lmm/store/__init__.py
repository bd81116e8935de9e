"""Texts on disk: nothing accepted is lost."""

from .known_keys import KnownKeys
from .picture_keys import picture_keys
from .sample_finder import SampleFinder
from .store_folder import store_folder
from .text_record import TextRecord, record_key
from .text_store import TextStore

__all__ = [
    'KnownKeys',
    'SampleFinder',
    'TextRecord',
    'TextStore',
    'picture_keys',
    'record_key',
    'store_folder',
]
