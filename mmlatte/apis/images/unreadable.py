"""Finding the images that cannot be read, before a run begins."""

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.logging import print_log
from torch.utils.data import DataLoader, Dataset

from mmlatte.archives import image_status
from mmlatte.atomic_file import atomic_file
from mmlatte.datasets.sample_index import samples_of
from mmlatte.datasets.transforms.load_image import MAX_PIXELS
from mmlatte.datasets.unreadable_file import read_unreadable, write_unreadable
from mmlatte.decode_image import (
    DecodeOptions,
    MissingPackageError,
    decode_image,
)
from mmlatte.progress import Progress

__all__ = ['UNREADABLE', 'checked_unreadable', 'find_unreadable']

UNREADABLE = 'unreadable.csv'
#: Images of a batch of the check.
BATCH = 64
#: Images whose state is asked for at a time.
BLOCK = 65536


class _Check(Dataset):
    """Decodes images; a sample is the reason why one cannot be read."""

    def __init__(
        self, paths: Sequence[str], options: DecodeOptions, max_pixels: int
    ) -> None:
        self.paths = paths
        self.options = options
        self.max_pixels = max_pixels

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[str, bool]:
        """Return the reason, '' for none; and whether a package is missing."""
        try:
            # A small JPEG takes as much of the file as a large one.
            decode_image(
                self.paths[index], self.max_pixels, 1, options=self.options
            )
        except MissingPackageError as error:
            return f'{error}', True
        except Exception as error:  # Decoders raise whatever they like.
            return f'{error}' or type(error).__name__, False
        return '', False


def find_unreadable(
    paths: Sequence[str],
    options: DecodeOptions,
    workers: int = 0,
    max_pixels: int = MAX_PIXELS,
) -> dict[int, str]:
    """Decode all images once.

    Args:
        paths (Sequence[str]): The files.
        options (DecodeOptions): Range and bands.
        workers (int): Processes that decode.
        max_pixels (int): See `decode_image`.

    Returns:
        dict[int, str]: Number of an image -> why it cannot be read.

    Raises:
        MissingPackageError: If a kind of file needs a package.
        ValueError: If no image can be read.
    """
    loader = DataLoader(
        _Check(paths, options, max_pixels),
        batch_size=BATCH,
        num_workers=workers,
        collate_fn=list,
    )
    found: dict[int, str] = {}
    done = 0
    with Progress('reading the images', len(paths)) as progress:
        for batch in loader:
            for reason, missing in batch:
                if missing:
                    raise MissingPackageError(f"'{paths[done]}': {reason}")
                if reason:
                    found[done] = reason
                done += 1
            progress.advance(len(batch))
    if len(found) == len(paths):
        raise ValueError(f"no image can be read; '{paths[0]}': {found[0]}")
    return found


def checked_unreadable(
    dataset: Dataset,
    options: DecodeOptions,
    path: Path,
    workers: int,
    wait: bool = False,
) -> dict[str, str]:
    """Find the unreadable images of a data set, or what was found before.

    Args:
        dataset (Dataset): All images.
        options (DecodeOptions): Range and bands.
        path (Path): The table; beside it is noted of which files it is.
        workers (int): Processes that decode.
        wait (bool): Whether another process does the work.

    Returns:
        dict[str, str]: Sample id -> why it cannot be read.
    """
    samples, count = samples_of(dataset), len(dataset)
    names, paths = samples.names(0, count), samples.paths(0, count)
    note = path.with_suffix('.json')
    state = {'images': count, 'state': _state(names, paths, options)}
    while wait or note.exists():
        if note.exists() and json.loads(note.read_text()) == state:
            return read_unreadable(path)
        if not wait:
            break
        time.sleep(1)
    path.parent.mkdir(parents=True, exist_ok=True)
    found = find_unreadable(paths, options, workers)
    reasons = {names[i]: reason for i, reason in found.items()}
    write_unreadable(path, reasons)
    with atomic_file(note) as file:
        file.write(json.dumps(state).encode())
    print_log(
        f'{len(reasons)} of {count} images cannot be read and are left out: '
        f'{path}',
        'current',
    )
    return reasons


def _state(names: list[str], paths: list[str], options: DecodeOptions) -> str:
    """Return a digest of names, sizes and times of change."""
    digest = hashlib.sha256(repr(options).encode())
    for start in range(0, len(names), BLOCK):
        part = slice(start, start + BLOCK)
        digest.update(
            '\0'.join(names[part]).encode('utf-8', 'surrogateescape')
        )
        stats = [_stat(path) for path in paths[part]]
        digest.update(np.array(stats, '<i8').tobytes())
    return digest.hexdigest()


def _stat(path: str) -> tuple[int, int]:
    try:
        return image_status(path)[:2]
    except (OSError, ValueError):
        return -1, -1
