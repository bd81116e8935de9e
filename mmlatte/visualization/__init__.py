"""Pages and figures to look at."""

from .run_report import ReportImage, RunReport, write_run_report
from .text_gallery import GalleryImage, GalleryText, write_text_gallery

__all__ = [
    'GalleryImage',
    'GalleryText',
    'ReportImage',
    'RunReport',
    'write_run_report',
    'write_text_gallery',
]
