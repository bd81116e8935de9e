from .adapt import AdaptResult, adapt
from .adapt_options import AdaptOptions
from .adapt_plan import AdaptPlan
from .comparison import compare, make_entries
from .export import export_model
from .find_images import find_images
from .latteclip_inferencer import LatteCLIPInferencer
from .launch import (
    add_common_options,
    build_runner,
    leave_process_group,
    load_config,
)
from .load_classifier import load_classifier
from .preflight import PreflightError, preflight
from .run_report import make_run_report
from .text_gallery import make_text_gallery
from .text_synthesis import prepare_texts, synthesize_texts

__all__ = [
    'AdaptOptions',
    'AdaptPlan',
    'AdaptResult',
    'adapt',
    'PreflightError',
    'LatteCLIPInferencer',
    'add_common_options',
    'build_runner',
    'compare',
    'export_model',
    'find_images',
    'leave_process_group',
    'load_classifier',
    'load_config',
    'make_entries',
    'make_run_report',
    'make_text_gallery',
    'preflight',
    'prepare_texts',
    'synthesize_texts',
]
