from . import hooks
from .cpu_dist import init_cpu_dist
from .loops import FitLoop, ResumableTrainLoop
from .optimizers import AutocastOptimWrapper, CLIPOptimWrapperConstructor
from .resume import find_resumable_checkpoint
from .schedulers import WarmupCosineLR

__all__ = [
    'AutocastOptimWrapper',
    'CLIPOptimWrapperConstructor',
    'FitLoop',
    'ResumableTrainLoop',
    'WarmupCosineLR',
    'find_resumable_checkpoint',
    'hooks',
    'init_cpu_dist',
]
