from . import hooks
from .cpu_dist import init_cpu_dist
from .schedulers import WarmupCosineLR

__all__ = ['WarmupCosineLR', 'hooks', 'init_cpu_dist']
