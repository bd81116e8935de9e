"""The packages of the ``demo`` extra that carry weights and images."""

from importlib.util import find_spec
from pathlib import Path

__all__ = ['package_folder']


def package_folder(name: str) -> Path:
    """Return the folder of an installed package, without importing it.

    Args:
        name (str): Import name of a package of the ``demo`` extra.

    Raises:
        RuntimeError: If it is not installed.
    """
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(
            f"The demo needs the package {name}: pip install 'mmlatte[demo]'"
        )
    return Path(spec.submodule_search_locations[0])
