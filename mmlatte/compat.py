"""Workarounds for upstream, and the version gate.

Nothing else in mmlatte works around another package. Every entry names the
upstream version that makes it removable.
"""

import functools
import os
import pickle
import warnings
import zipfile
from contextlib import nullcontext
from importlib import import_module, metadata

#: Import name -> (oldest, first unsupported) version, both mm stacks.
SUPPORTED = {
    'mmengine': ((0, 10, 7), (1, 0, 0)),
    'mmcv': ((2, 2, 0), (2, 4, 0)),
    'mmpretrain': ((1, 2, 0), (2, 0, 0)),
}

#: Environment variable that allows pickled objects in checkpoints.
TRUST_PICKLE = 'MMLATTE_TRUST_PICKLE'

INSTALL_HINT = (
    'Install one of the two supported stacks:\n'
    "    pip install 'mmlatte[onedl]'      # the maintained forks\n"
    "    pip install 'mmlatte[openmmlab]'  # the original packages"
)


def check_versions() -> None:
    """Check that a supported mm stack is installed.

    Raises:
        ImportError: If mmengine, mmcv or mmpretrain is missing or outside
            the supported range; the message holds the pip line to run.
    """
    for name, (oldest, newest) in SUPPORTED.items():
        try:
            found = import_module(f'{name}.version').__version__
        except ImportError as error:
            raise ImportError(
                f'mmlatte needs {name}, which cannot be imported: {error}. '
                f'{INSTALL_HINT}'
            ) from error
        numbers = _release(found)
        if not oldest <= numbers < newest:
            wanted = f'>={_dotted(oldest)},<{_dotted(newest)}'
            raise ImportError(
                f'mmlatte needs {name}{wanted}, found {found}. {INSTALL_HINT}'
            )


def apply() -> None:
    """Apply all workarounds; safe to call twice."""
    register_config_scope()
    silence_missing_operators()
    disable_mmpretrain_multimodal()
    register_safe_checkpoint_loader()
    format_configs_once()


def register_config_scope() -> None:
    """Make ``_base_ = 'mmlatte::...'`` resolve.

    mmengine keeps a fixed table of package names (open-mmlab/mmengine#1410);
    removable when it looks up installed packages itself.
    """
    from mmengine.config.utils import MODULE2PACKAGE

    MODULE2PACKAGE.setdefault('mmlatte', 'mmlatte')


def silence_missing_operators() -> None:
    """Do not warn at every start that mmcv's compiled operators are absent.

    mmlatte needs none of them. Removable when mmcv imports them lazily (2.2.0
    and the forks up to 2.3.6 warn on import).
    """
    warnings.filterwarnings(
        'ignore', message='Fail to import ``MultiScaleDeformableAttention``'
    )


def disable_mmpretrain_multimodal() -> None:
    """Keep mmpretrain importable beside a current transformers.

    Its BLIP code subclasses names that transformers removed: with
    pycocotools installed, importing ``mmpretrain.models`` fails for 1.2.0
    with transformers >= 4.57 and for the forks up to 1.3.6 with
    transformers >= 5. mmlatte uses none of those models. Removable when
    mmpretrain supports transformers 5.
    """
    try:
        transformers = _release(metadata.version('transformers'))
    except metadata.PackageNotFoundError:
        return
    if transformers < (4, 50):
        return
    from mmpretrain.utils import dependency

    dependency.WITH_MULTIMODAL = False


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


def format_configs_once() -> None:
    """Keep the text of a config, which mmengine formats for every use.

    yapf takes a second for a config of mmlatte, and a run asks for the text
    five times before it starts and then for every checkpoint. Removable when
    mmengine keeps it (0.10.7 and the forks up to 0.10.12 do not).
    """
    from mmengine.config import Config

    format_text = Config.pretty_text.fget
    if hasattr(format_text, '__wrapped__'):
        return
    texts: dict[str, str] = {}

    @functools.wraps(format_text)
    def pretty_text(self) -> str:
        key = repr((self._format_python_code, self.to_dict()))
        if key not in texts:
            if len(texts) == 8:
                texts.clear()
            texts[key] = format_text(self)
        return texts[key]

    Config.pretty_text = property(pretty_text)


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

    if _release(torch.__version__) < (2, 6):
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


def _release(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version, ``'2.2.0rc1' -> (2, 2, 0)``."""
    numbers = []
    for part in version.split('.'):
        digits = ''.join(c for c in part if c.isdigit())
        if not part[:1].isdigit():
            break
        numbers.append(int(digits if part.isdigit() else part[0]))
    return tuple(numbers)


def _dotted(numbers: tuple[int, ...]) -> str:
    return '.'.join(map(str, numbers))
