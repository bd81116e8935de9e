# Before modules that import open_clip, and transformers with it.
import mmlatte.models  # noqa: F401

from .adapt import AdaptOptions, AdaptPlan, AdaptResult, adapt
from .compose_config import compose_config
from .export import export_model
from .images import skip_unreadable
from .inference import (
    Inferencer,
    find_images,
    load_classifier,
    suit_images,
)
from .launch import (
    build_runner,
    leave_process_group,
    load_config,
)
from .notebook import ask, fit
from .pages import compare, make_entries, make_run_report, make_text_gallery
from .preflight import PreflightError, preflight
from .text_synthesis import prepare_texts, synthesize_texts

__all__ = [
    'AdaptOptions',
    'AdaptPlan',
    'AdaptResult',
    'adapt',
    'PreflightError',
    'Inferencer',
    'ask',
    'compose_config',
    'build_runner',
    'compare',
    'export_model',
    'find_images',
    'fit',
    'leave_process_group',
    'load_classifier',
    'load_config',
    'make_entries',
    'make_run_report',
    'make_text_gallery',
    'preflight',
    'prepare_texts',
    'skip_unreadable',
    'suit_images',
    'synthesize_texts',
]
