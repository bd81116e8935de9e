import ctypes

from mmengine.hooks import Hook
from mmengine.logging import print_log

from mmlatte.registry import HOOKS

#: glibc's name for the size above which a block is the system's.
M_MMAP_THRESHOLD = -3


@HOOKS.register_module()
class ReturnMemoryHook(Hook):
    """Give every large block back to the system as soon as it is freed.

    What mmengine's ``EmptyCacheHook`` is for GPUs. On a CPU, glibc keeps what
    a step frees for the next one; gradients, moments and activations then lie
    between each other's holes, and the peak is several hundred megabytes
    above what lives at any time. Taking the memory anew costs time (about a
    fifth of a step of ViT-B/32): for machines that are short of memory, with
    ``model.clip.grad_checkpointing``. It holds until the process ends; other
    C libraries are left as they are.

    Args:
        min_size (int): Bytes; smaller blocks are kept. Defaults to 1 MiB.
    """

    # Before the hooks that compute something.
    priority = 'VERY_HIGH'

    def __init__(self, min_size: int = 2**20) -> None:
        if not 0 < min_size < 2**31:
            raise ValueError(
                f'min_size must be a positive 32-bit number, got {min_size}'
            )
        self.min_size = min_size

    def before_run(self, runner) -> None:
        """Set the threshold of the C library."""
        try:
            mallopt = ctypes.CDLL(None).mallopt
        except (AttributeError, OSError, TypeError):  # another C library
            print_log(
                'ReturnMemoryHook: this system does not use glibc; memory is '
                'handled as ever.',
                'current',
            )
            return
        mallopt(M_MMAP_THRESHOLD, self.min_size)
