import ctypes

__all__ = ['return_free_memory']


def return_free_memory() -> None:
    """Give memory that was freed back to the system (glibc; else nothing).

    What is freed between blocks that live on stays with the process, and is
    of no use for anything larger than the holes.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library
        return
    trim(0)
