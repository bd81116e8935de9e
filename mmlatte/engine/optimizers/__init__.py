from .clip_optim_wrapper_constructor import CLIPOptimWrapperConstructor

__all__ = ['CLIPOptimWrapperConstructor']
