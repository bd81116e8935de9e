from .autocast_optim_wrapper import AutocastOptimWrapper
from .clip_optim_wrapper_constructor import CLIPOptimWrapperConstructor

__all__ = ['AutocastOptimWrapper', 'CLIPOptimWrapperConstructor']
