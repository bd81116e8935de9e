import time
from collections.abc import Callable

__all__ = ['wait_for']

#: Seconds without a new file after which another rank counts as dead.
PATIENCE = 1800


def wait_for(missing: Callable[[], int]) -> None:
    """Poll until no file is missing.

    Files and no collective operation: a rank that waits in one runs into its
    time-out while another rank still works.

    Args:
        missing (Callable): Returns how many files are missing.

    Raises:
        RuntimeError: If nothing changes for `PATIENCE` seconds.
    """
    last, since = None, time.monotonic()
    while (count := missing()) > 0:
        if count != last:
            last, since = count, time.monotonic()
        elif time.monotonic() - since > PATIENCE:
            raise RuntimeError(
                f'no other rank wrote features for {PATIENCE} s and {count} '
                'files are missing: a rank died, or cache_dir of '
                'ZeroShotLabelHook is not shared by all ranks'
            )
        time.sleep(0.1)
