"""A folder of images and class names in; a better classifier out."""

from .finishing import AdaptResult
from .options import AdaptOptions
from .planning import AdaptPlan
from .run import adapt

__all__ = ['AdaptOptions', 'AdaptPlan', 'AdaptResult', 'adapt']
