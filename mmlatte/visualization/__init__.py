"""HTML pages and figures."""

from .questions import Question, question_page, write_questions_page
from .report_images import ImageSection, ReportImage
from .run_report import RunReport, write_run_report
from .text_gallery import GalleryImage, GalleryText, write_text_gallery

__all__ = [
    'GalleryImage',
    'GalleryText',
    'ImageSection',
    'Question',
    'ReportImage',
    'RunReport',
    'question_page',
    'write_questions_page',
    'write_run_report',
    'write_text_gallery',
]
