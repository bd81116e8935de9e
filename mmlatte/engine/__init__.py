from . import hooks
from .checkpoints import find_resumable_checkpoint
from .cpu_dist import init_cpu_dist
from .distributed_method import DistributedMethod
from .loops import FitLoop, ResumableTrainLoop
from .optimizers import AutocastOptimWrapper, CLIPOptimWrapperConstructor
from .optional_tensorboard_backend import OptionalTensorboardVisBackend
from .schedulers import WarmupCosineLR

__all__ = [
    'AutocastOptimWrapper',
    'CLIPOptimWrapperConstructor',
    'DistributedMethod',
    'FitLoop',
    'OptionalTensorboardVisBackend',
    'ResumableTrainLoop',
    'WarmupCosineLR',
    'find_resumable_checkpoint',
    'hooks',
    'init_cpu_dist',
]
