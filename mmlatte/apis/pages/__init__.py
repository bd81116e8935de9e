"""Pages and tables for people."""

from .comparison import compare
from .comparison_entries import make_entries
from .review_section import ReviewSection
from .run_report import make_run_report
from .text_gallery import make_text_gallery

__all__ = [
    'ReviewSection',
    'compare',
    'make_entries',
    'make_run_report',
    'make_text_gallery',
]
