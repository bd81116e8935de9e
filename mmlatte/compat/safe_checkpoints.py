"""Loading checkpoints without running code in them."""

import os
import pickle
import zipfile
from contextlib import nullcontext

from .versions import release

__all__ = ['load_from_local', 'register_safe_checkpoint_loader']

#: Environment variable that allows pickled objects in checkpoints.
TRUST_PICKLE = 'MMLATTE_TRUST_PICKLE'


def register_safe_checkpoint_loader() -> None:
    """Make mmengine load local checkpoints without running code in them.

    mmengine 0.10.7 leaves ``weights_only`` to torch and, with torch >= 2.6,
    cannot load its own checkpoints; onedl-mmengine up to 0.10.12 falls back
    to plain unpickling, which runs any code in the file. Removable when
    both load with ``weights_only=True`` and no fallback.
    """
    from mmengine.runner.checkpoint import CheckpointLoader

    CheckpointLoader.register_scheme(
        prefixes='', loader=load_from_local, force=True
    )


def load_from_local(filename: str, map_location=None, mmap: bool = False):
    """Load a checkpoint file of tensors and plain data.

    The objects in checkpoints of mmengine's own hooks (log history, numpy
    arrays) load as well; any other pickled object is refused.

    Args:
        filename (str): Path of the file.
        map_location: Passed to ``torch.load``.
        mmap (bool): Map the tensors instead of reading them.

    Returns:
        dict: The checkpoint.

    Raises:
        FileNotFoundError: If there is no such file.
        RuntimeError: If the file is damaged, or holds pickled objects and
            ``MMLATTE_TRUST_PICKLE`` is not set.
    """
    import torch

    filename = os.path.expanduser(filename)
    if not os.path.isfile(filename):
        raise FileNotFoundError(f'there is no checkpoint {filename}')
    trusted = os.environ.get(TRUST_PICKLE, '') not in ('', '0')
    try:
        with _mmengine_globals():
            return torch.load(
                filename,
                map_location=map_location,
                weights_only=True,
                mmap=mmap,
            )
    except pickle.UnpicklingError as error:
        if not trusted:
            raise RuntimeError(
                f'{filename} holds pickled objects, or is no checkpoint. It '
                'was not loaded: unpickling can run any code. If you trust '
                f'whoever made the file, set {TRUST_PICKLE}=1 and try again. '
                f'What was refused: {error}'
            ) from error
    except (RuntimeError, EOFError, OSError) as error:
        if zipfile.is_zipfile(filename):
            raise
        raise RuntimeError(
            f'{filename} is damaged, probably cut off while it was written '
            f'({error}); use an older checkpoint'
        ) from error
    return torch.load(filename, map_location=map_location, weights_only=False)


def _mmengine_globals():
    """Allow what mmengine's own checkpoints hold, for a ``with`` block.

    Names are spelled out, since numpy 1 and 2 call the same things
    differently. The log history refers to its methods by ``getattr``; only
    those are handed out. Removable with `register_safe_checkpoint_loader`.
    """
    import numpy as np
    import torch
    from mmengine.logging import HistoryBuffer

    if release(torch.__version__) < (2, 6):
        return nullcontext()  # cannot allow by name; ours need nothing

    def history_buffer_method(owner, name):
        if owner is HistoryBuffer and name in (
            'min',
            'max',
            'mean',
            'current',
        ):
            return getattr(owner, name)
        raise pickle.UnpicklingError(f'getattr({owner}, {name!r}) is refused')

    multiarray = np._core.multiarray if hasattr(np, '_core') else None
    multiarray = multiarray or np.core.multiarray
    dtypes = {type(np.dtype(code)) for code in '?bBhHiIlLqQefdgU'}
    return torch.serialization.safe_globals(
        [
            HistoryBuffer,
            np.ndarray,
            np.dtype,
            *dtypes,
            (history_buffer_method, 'builtins.getattr'),
            (history_buffer_method, '__builtin__.getattr'),
            *(
                (getattr(multiarray, name), f'numpy.{core}.multiarray.{name}')
                for core in ('core', '_core')
                for name in ('_reconstruct', 'scalar')
            ),
        ]
    )
