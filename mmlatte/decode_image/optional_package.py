"""Packages that only some kinds of files need."""

import importlib
from types import ModuleType

from .decode_options import DecodeOptionsError

__all__ = ['MissingPackageError', 'need_package']


class MissingPackageError(DecodeOptionsError, RuntimeError):
    """A kind of file needs a package that is not installed."""


def need_package(name: str, kind: str) -> ModuleType:
    """Import a package of the extra ``images``.

    Args:
        name (str): Of the module.
        kind (str): The kind of file that needs it.

    Raises:
        MissingPackageError: If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.replace('_', '-')
        raise MissingPackageError(
            f'{kind} needs {package}, which is not installed ({error}): pip '
            "install 'mmlatte[images]'"
        ) from error
