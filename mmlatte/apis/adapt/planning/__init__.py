"""What a run will take: measured on a few images, estimated for all."""

from .make_plan import make_plan
from .plan import AdaptPlan

__all__ = ['AdaptPlan', 'make_plan']
