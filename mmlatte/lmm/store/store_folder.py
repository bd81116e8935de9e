"""Which folder holds the texts of an LMM."""

from pathlib import Path

from mmlatte.lmm.backends.base_lmm import BaseLMM

__all__ = ['store_folder']


def store_folder(store_dir: str | Path, lmm: BaseLMM) -> Path:
    """Folder of one store: ``<store_dir>/<LMM>-<fingerprint>``.

    Texts are known by what is in their images, so that data sets share a
    store, and one that was moved, copied or renamed finds its texts.

    Args:
        store_dir (str | Path): Folder of all stores.
        lmm (BaseLMM): Who writes the texts.

    Returns:
        Path: The folder, there or not.
    """
    return Path(store_dir) / f'{lmm.slug}-{lmm.fingerprint}'
