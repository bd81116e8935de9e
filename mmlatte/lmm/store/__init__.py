"""Texts on disk: nothing accepted is lost."""

from .known_keys import KnownKeys
from .store_folder import store_folder
from .text_record import TextRecord, record_key
from .text_store import TextStore

__all__ = [
    'KnownKeys',
    'TextRecord',
    'TextStore',
    'record_key',
    'store_folder',
]
