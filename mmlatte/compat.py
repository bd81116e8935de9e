"""Workarounds for upstream, and the version gate.

Nothing else in mmlatte works around another package. Every entry names the
upstream version that makes it removable.
"""

from importlib import import_module, metadata

#: Import name -> (oldest, first unsupported) version, both mm stacks.
SUPPORTED = {
    'mmengine': ((0, 10, 7), (1, 0, 0)),
    'mmcv': ((2, 2, 0), (2, 4, 0)),
    'mmpretrain': ((1, 2, 0), (2, 0, 0)),
}

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
    disable_mmpretrain_multimodal()


def register_config_scope() -> None:
    """Make ``_base_ = 'mmlatte::...'`` resolve.

    mmengine keeps a fixed table of package names (open-mmlab/mmengine#1410);
    removable when it looks up installed packages itself.
    """
    from mmengine.config.utils import MODULE2PACKAGE

    MODULE2PACKAGE.setdefault('mmlatte', 'mmlatte')


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
