"""Versions, and the fix for combinations known to fail.

Imports neither mmengine nor the rest of mmlatte's code: it must run where
those cannot be imported.
"""

import platform
from collections.abc import Mapping
from importlib import metadata

__all__ = ['diagnose', 'installed']

#: Distributions worth knowing, in the order they are printed.
PACKAGES = (
    'torch',
    'torchvision',
    'numpy',
    'mmengine',
    'mmcv',
    'mmcv-lite',
    'mmpretrain',
    'onedl-mmengine',
    'onedl-mmcv',
    'onedl-mmpretrain',
    'open_clip_torch',
    'transformers',
    'setuptools',
    'onnx',
    'onnxscript',
    'onnxruntime',
    'tensorboard',
)
ORIGINAL = ('mmengine', 'mmpretrain')
FORKS = ('onedl-mmengine', 'onedl-mmpretrain')


def installed() -> dict[str, str]:
    """Return the version of every known distribution that is installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def diagnose(
    versions: Mapping[str, str], python: str = platform.python_version()
) -> list[str]:
    """Name what is known to fail, each with its fix.

    Args:
        versions (Mapping[str, str]): Distribution -> version, as of
            `installed`.
        python (str): Version of Python. Defaults to the running one.

    Returns:
        list[str]: One sentence per problem; empty if none is known.

    Examples:
        >>> both = {'onedl-mmengine': '0.10.12', 'mmengine': '0.10.7'}
        >>> diagnose(both)[0].split(':')[0]
        'both OpenMMLab stacks are installed and overwrite each other'
    """
    problems = []
    original = [name for name in ORIGINAL if name in versions]
    forks = [name for name in FORKS if name in versions]
    if _number(python) < (3, 10):
        problems.append(f'Python {python}: mmlatte needs 3.10 or newer')
    if original and forks:
        problems.append(
            'both OpenMMLab stacks are installed and overwrite each other: '
            'make a new environment and install mmlatte[onedl] or '
            'mmlatte[openmmlab], not both'
        )
    elif len(original) < 2 and len(forks) < 2:
        problems.append(
            "no complete OpenMMLab stack: pip install 'mmlatte[onedl]' (or "
            "'mmlatte[openmmlab]' for the original packages)"
        )
    elif original:
        problems += _original_stack(versions)
    for name in ('torch', 'torchvision', 'open_clip_torch'):
        if name not in versions:
            problems.append(f'{name} is missing: pip install mmlatte')
    if _number(versions.get('torch', '9')) < (2, 4):
        problems.append(
            f'torch {versions["torch"]}: mmlatte needs 2.4 or newer'
        )
    return problems


def _original_stack(versions: Mapping[str, str]) -> list[str]:
    problems = []
    setuptools = versions.get('setuptools')
    if setuptools is None or _number(setuptools) >= (82,):
        problems.append(
            f'mmengine {versions["mmengine"]} imports pkg_resources, which '
            f'setuptools {setuptools or "(absent)"} does not have: '
            "pip install 'setuptools<82'"
        )
    if 'mmcv' not in versions and 'mmcv-lite' not in versions:
        problems.append("mmcv is missing: pip install 'mmcv-lite>=2.2.0,<2.4'")
    return problems


def _number(version: str) -> tuple[int, ...]:
    """Return the leading numbers: ``'2.4.1+cpu' -> (2, 4, 1)``."""
    numbers = []
    for part in version.split('+')[0].split('.'):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)
