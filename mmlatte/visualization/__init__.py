"""HTML pages and figures."""

from .questions import Question, question_page, write_questions_page
from .run_report import ReportImage, RunReport, write_run_report
from .text_gallery import GalleryImage, GalleryText, write_text_gallery

__all__ = [
    'GalleryImage',
    'GalleryText',
    'Question',
    'ReportImage',
    'RunReport',
    'question_page',
    'write_questions_page',
    'write_run_report',
    'write_text_gallery',
]
