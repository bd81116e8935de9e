"""Adapt CLIP to unlabelled images with LMM-written texts (LatteCLIP)."""

from . import compat
from .version import __version__

compat.check_versions()
compat.apply()

__all__ = ['__version__']
