import sys

import torch

__all__ = ['peak_memory_mb']


def peak_memory_mb(gpu_peak: int) -> float | None:
    if torch.cuda.is_available():
        return max(gpu_peak, torch.cuda.max_memory_allocated()) / 2**20
    if sys.platform == 'win32':
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == 'darwin' else 2**10)
