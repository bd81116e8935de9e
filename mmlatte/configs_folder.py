"""Where the configs lie that come with mmlatte."""

from pathlib import Path

__all__ = ['configs_folder']


def configs_folder() -> Path:
    """Return the folder of the shipped configs, installed or in a checkout.

    Raises:
        FileNotFoundError: If mmlatte was put here without them.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / '.mim' / 'configs', package.parent / 'configs'):
        if (folder / 'methods').is_dir():
            return folder
    raise FileNotFoundError(
        'the configs are not installed beside mmlatte: install mmlatte with '
        'pip, or work from a checkout'
    )
