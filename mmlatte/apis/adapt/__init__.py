"""A folder of images and class names in; a better classifier out."""

from .options import AdaptOptions
from .plan import AdaptPlan
from .run import AdaptResult, adapt

__all__ = ['AdaptOptions', 'AdaptPlan', 'AdaptResult', 'adapt']
