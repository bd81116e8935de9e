"""Files that hold many images: their members are read where they lie."""

from .list_images import (
    ARCHIVE_SUFFIXES,
    ArchivedImages,
    archive_files,
    archived_images,
    archives_of_folder,
    is_archive,
)
from .open_image import image_status, is_archived, open_image

__all__ = [
    'ARCHIVE_SUFFIXES',
    'ArchivedImages',
    'archive_files',
    'archived_images',
    'archives_of_folder',
    'image_status',
    'is_archive',
    'is_archived',
    'open_image',
]
