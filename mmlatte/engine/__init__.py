from . import hooks
from .cpu_dist import init_cpu_dist
from .optimizers import CLIPOptimWrapperConstructor
from .schedulers import WarmupCosineLR

__all__ = [
    'CLIPOptimWrapperConstructor',
    'WarmupCosineLR',
    'hooks',
    'init_cpu_dist',
]
