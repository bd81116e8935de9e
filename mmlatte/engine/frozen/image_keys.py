"""What the images of a data set are known by, on all ranks."""

from pathlib import Path

import numpy as np
from mmengine.dist import get_world_size, is_main_process
from mmengine.logging import print_log
from torch.utils.data import Dataset

from mmlatte.atomic_file import atomic_file, remove_stale_files
from mmlatte.datasets.sample_index import samples_of
from mmlatte.image_table import ImageTable

from .wait_for import wait_for

__all__ = ['image_keys', 'shared_image_keys']

#: Changed images that are named.
NAMED = 5


def image_keys(folder: Path, dataset: Dataset) -> np.ndarray:
    """Return the keys of all images, see `ImageTable`.

    Args:
        folder (Path): Of the table.
        dataset (Dataset): The images.

    Returns:
        np.ndarray: uint64 (N,).
    """
    samples, total = samples_of(dataset), len(dataset)
    found = ImageTable(folder).keys(samples.paths, total)
    if len(found.changed):
        some = found.changed[:NAMED].tolist()
        names = [samples.names(i, i + 1)[0] for i in some]
        more = ', ...' if len(found.changed) > NAMED else ''
        print_log(
            f'Images: {len(found.changed)} of {total} changed on disk since '
            f'they were last seen: {", ".join(names)}{more}; what was made '
            'of them is made again',
            'current',
        )
    return found.keys


def shared_image_keys(folder: Path, dataset: Dataset, run: str) -> np.ndarray:
    """Return the same on every rank; the main process looks at the files.

    Args:
        folder (Path): Of the table, seen by all ranks.
        dataset (Dataset): The images.
        run (str): Name of the run that all ranks share.
    """
    if get_world_size() == 1:
        return image_keys(folder, dataset)
    # Removed as stale by a later run: when all have read it is not known.
    shared = folder / f'.images-{run}.tmp'
    if is_main_process():
        remove_stale_files(folder)
        keys = image_keys(folder, dataset)
        with atomic_file(shared) as file:
            np.save(file, keys)
        return keys
    table = ImageTable(folder)
    # The table grows while images are read: a sign of life.
    wait_for(lambda: 0 if shared.exists() else 1 + table.saved_at())
    return np.load(shared)
