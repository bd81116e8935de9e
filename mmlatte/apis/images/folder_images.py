from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch.utils.data import Dataset

from mmlatte.datasets.sample_index import samples_of
from mmlatte.datasets.transforms.load_image import MAX_PIXELS
from mmlatte.decode_image import DecodeOptions, FolderRange, look_at_folder
from mmlatte.decode_image.folder_range import SAMPLE
from mmlatte.registry import DATASETS

from .unreadable import UNREADABLE, checked_unreadable, find_unreadable

__all__ = ['FolderImages', 'open_folder']


@dataclass
class FolderImages:
    """The images of a folder, and how they are read.

    Args:
        dataset (Dataset): Those that can be read, as far as that was checked.
        look (FolderRange): How their values become visible.
        leave_out (str | tuple[str, ...]): For ``leave_out`` of a data set.
        left_out (Counter): Kind and reason -> files that were left out.
    """

    dataset: Dataset
    look: FolderRange
    leave_out: str | tuple[str, ...]
    left_out: Counter[tuple[str, str]]


def open_folder(
    images: str,
    classes: Sequence[str],
    options: DecodeOptions,
    skip_unreadable: bool = False,
    out: Path | None = None,
    workers: int = 0,
) -> FolderImages:
    """List the images, find their range, leave out what cannot be read.

    Args:
        images (str): The folder.
        classes (Sequence[str]): Class names.
        options (DecodeOptions): What was chosen.
        skip_unreadable (bool): Whether to decode all images and leave out
            those that cannot be read.
        out (Path, optional): Folder for ``unreadable.csv``; None writes
            nothing.
        workers (int): Processes that decode.

    Raises:
        FileNotFoundError: If there is no image.
        DecodeOptionsError: If they cannot be read without another option.
    """
    settings = dict(
        type='mmlatte.UnlabeledFolder',
        data_root=images,
        classes=classes,
        pipeline=[],
    )
    dataset = DATASETS.build(settings)
    left_out = Counter(dataset.left_out)
    paths = samples_of(dataset).paths(0, SAMPLE)
    look = look_at_folder(paths, options, MAX_PIXELS)
    leave_out: str | tuple[str, ...] = ()
    if skip_unreadable:
        if out is None:
            names = samples_of(dataset).names(0, len(dataset))
            paths = samples_of(dataset).paths(0, len(dataset))
            found = find_unreadable(paths, look.options, workers)
            leave_out = tuple(names[i] for i in found)
        else:
            table = out / UNREADABLE
            found = checked_unreadable(dataset, look.options, table, workers)
            leave_out = str(table)
        dataset = DATASETS.build({**settings, 'leave_out': leave_out})
        if found:
            left_out['unreadable', f'see {UNREADABLE}'] = len(found)
    return FolderImages(dataset, look, leave_out, left_out)
