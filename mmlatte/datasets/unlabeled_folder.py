import os
from collections.abc import Callable, Iterator, Sequence

from mmlatte.registry import DATASETS

from .class_names import read_class_names
from .indexed_dataset import IndexedDataset
from .sample_index import SampleIndex

IMAGE_SUFFIXES = (
    '.avif',
    '.bmp',
    '.gif',
    '.jpeg',
    '.jpg',
    '.pgm',
    '.png',
    '.ppm',
    '.tif',
    '.tiff',
    '.webp',
)


@DATASETS.register_module()
class UnlabeledFolder(IndexedDataset):
    """All images below a folder, and the names of the classes.

    Sub-folders mean nothing here, links are followed, hidden files are
    skipped. A sample's id is its path relative to the folder; samples are
    ordered by a hash of it.

    Args:
        data_root (str): The folder.
        classes (str | Sequence[str]): The class names, or a file of them,
            see `read_class_list`.
        suffixes (Sequence[str]): File name endings of images, lower case.
        **kwargs: ``indices``, ``pipeline`` and others of
            :class:`mmpretrain.datasets.BaseDataset`.
    """

    def __init__(
        self,
        data_root: str,
        classes: str | Sequence[str],
        suffixes: Sequence[str] = IMAGE_SUFFIXES,
        **kwargs,
    ) -> None:
        self.suffixes = tuple(suffix.lower() for suffix in suffixes)
        super().__init__(
            ann_file='',
            data_root=os.path.expanduser(data_root),
            classes=read_class_names(classes),
            **kwargs,
        )

    def load_data_list(self) -> SampleIndex:
        """List the images."""
        root = os.path.abspath(self.data_root)
        if not os.path.isdir(root):
            raise FileNotFoundError(f"Image folder '{root}' does not exist.")
        names = (
            name
            for name in visible_files(root)
            if name.lower().endswith(self.suffixes)
        )
        index = SampleIndex(root, names)
        if not len(index):
            raise FileNotFoundError(
                f"Image folder '{root}' holds no image; looked in all its "
                f'sub-folders for {", ".join(self.suffixes)}.'
            )
        return index


def visible_files(
    root: str, onerror: Callable[[OSError], None] | None = None
) -> Iterator[str]:
    """Yield the files below a folder, those of one folder together.

    Links are followed, a folder is read once, hidden files and folders are
    left out. Folders come in sorted order, links last, each before its
    sub-folders; files as the disk has them.

    Args:
        root (str): The folder.
        onerror (Callable, optional): Called for a sub-folder that cannot be
            read, which is then left out. Defaults to raising the error.

    Yields:
        str: Path relative to it, with ``/`` on every system.
    """
    seen = set()  # A link to a parent must not be followed for ever.
    folders = ['']
    while folders:
        folder = folders.pop()
        try:
            status = os.stat(os.path.join(root, folder))
            entries = os.scandir(os.path.join(root, folder))
        except OSError as error:
            if onerror is None:
                raise
            onerror(error)
            continue
        prefix = f'{folder}/' if folder else ''
        below = []
        with entries:  # one by one: a folder may hold millions
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            for entry in entries:
                if entry.name.startswith('.'):
                    continue
                link = entry.is_symlink()
                # Unlike the entry's own answer, False for a link to itself.
                if os.path.isdir(entry) if link else entry.is_dir():
                    below.append((link, prefix + entry.name))
                else:
                    yield prefix + entry.name
        # The last is taken first. Sorted: of several links to a folder, the
        # same one counts on every machine.
        folders += [name for _, name in sorted(below, reverse=True)]
