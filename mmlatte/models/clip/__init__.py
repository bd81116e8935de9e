"""CLIP: image tower, text tower, tokenizer, preprocessing facts."""

from mmlatte.compat import import_open_clip_without_transformers

import_open_clip_without_transformers()

from .clip_tokenizer import ClipTokenizer  # noqa: E402
from .openclip import OpenCLIP  # noqa: E402
from .untuned import untuned  # noqa: E402
from .weights import Weights, find_weights  # noqa: E402

__all__ = ['ClipTokenizer', 'OpenCLIP', 'Weights', 'find_weights', 'untuned']
