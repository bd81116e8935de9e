"""CLIP: image tower, text tower, tokenizer, preprocessing facts."""

from .clip_tokenizer import ClipTokenizer
from .demo_clip import DemoCLIP
from .openclip import OpenCLIP
from .weights import find_weights

__all__ = ['ClipTokenizer', 'DemoCLIP', 'OpenCLIP', 'find_weights']
