"""The version gate."""

import re
from importlib import import_module, metadata, util
from pathlib import Path

__all__ = ['check_versions', 'release']

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
    """Check that a supported mm stack is installed, without importing it.

    Raises:
        ImportError: If mmengine, mmcv or mmpretrain is missing or outside
            the supported range; the message holds the pip line to run.
    """
    for name, (oldest, newest) in SUPPORTED.items():
        spec = util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ImportError(
                f'mmlatte needs {name}, which is not installed. {INSTALL_HINT}'
            )
        found = _version(name, Path(spec.origin).with_name('version.py'))
        numbers = release(found)
        if not oldest <= numbers < newest:
            wanted = f'>={_dotted(oldest)},<{_dotted(newest)}'
            raise ImportError(
                f'mmlatte needs {name}{wanted}, found {found}. {INSTALL_HINT}'
            )


def _version(name: str, file: Path) -> str:
    """Read a version as the packages and their forks write it."""
    text = file.read_text('utf-8')
    known = re.search(r"^__version__ = (version\()?'(.+)'", text, re.MULTILINE)
    if known is None:
        return import_module(f'{name}.version').__version__
    return metadata.version(known[2]) if known[1] else known[2]


def release(version: str) -> tuple[int, ...]:
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
