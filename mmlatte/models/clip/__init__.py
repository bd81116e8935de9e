"""CLIP: image tower, text tower, tokenizer, preprocessing facts."""

from .clip_tokenizer import ClipTokenizer
from .openclip import OpenCLIP
from .untuned import untuned
from .weights import Weights, find_weights

__all__ = ['ClipTokenizer', 'OpenCLIP', 'Weights', 'find_weights', 'untuned']
