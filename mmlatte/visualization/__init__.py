"""Pages and figures to look at."""

from .text_gallery import GalleryImage, GalleryText, write_text_gallery

__all__ = ['GalleryImage', 'GalleryText', 'write_text_gallery']
