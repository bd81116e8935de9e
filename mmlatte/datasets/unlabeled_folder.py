import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from mmlatte.archives import (
    ARCHIVE_SUFFIXES,
    archive_files,
    archived_images,
    archives_of_folder,
)
from mmlatte.decode_image import IMAGE_SUFFIXES, kind_and_reason
from mmlatte.registry import DATASETS

from .class_names import read_class_names
from .image_list import image_root, is_image_list, read_image_list
from .indexed_dataset import IndexedDataset
from .sample_index import SampleIndex


@DATASETS.register_module()
class UnlabeledFolder(IndexedDataset):
    """All images of a folder, list or archive, and the names of the classes.

    Sub-folders mean nothing here, links are followed, hidden files are
    skipped. A sample's id is its path relative to the folder; samples are
    ordered by a hash of it. Archives are WebDataset's tar shards, Parquet
    files with a column of images, and Arrow files of ``datasets``: their
    images are read in place, and continue the id of the archive
    (``shard-0000.tar/7.jpg``). Labels in them are not read.

    Args:
        data_root (str): The folder, of images or else of archives; or a CSV,
            TSV, Parquet or text file that lists images, see
            `read_image_list`; or an archive, or a pattern of some, such as
            ``shards/train-*.tar``.
        classes (str | Sequence[str]): The class names, or a file of them,
            see `read_class_list`.
        suffixes (Sequence[str]): File name endings of images, lower case.
        **kwargs: ``indices``, ``pipeline`` and others of
            :class:`mmpretrain.datasets.BaseDataset`, ``leave_out`` of
            :class:`IndexedDataset`.

    Attributes:
        left_out (Counter): Kind and reason -> files that are no images.
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
        """List the images, and count in `left_out` what is none."""
        root = os.path.abspath(self.data_root)
        self.left_out = Counter()
        archives = archive_files(root)
        if archives:
            return self._index_archives(root, image_root(root), archives)
        if is_image_list(root):
            return read_image_list(root)
        if not os.path.isdir(root):
            raise _no_folder(root)

        def leave_out(name: str) -> None:
            if name.lower().endswith(ARCHIVE_SUFFIXES):
                archives.append(name)
            else:
                self.left_out[kind_and_reason(name)] += 1

        index = SampleIndex(root, image_files(root, self.suffixes, leave_out))
        if archives and not len(index):
            archives, others = archives_of_folder(root, archives)
            self.left_out += others
            return self._index_archives(root, root, archives)
        self.left_out.update(map(kind_and_reason, archives))
        if not len(index):
            raise self._nothing(root)
        return index

    def _index_archives(
        self, given: str, folder: str, files: Sequence[str]
    ) -> SampleIndex:
        found = archived_images(folder, files, self.suffixes)
        self.left_out += found.left_out
        if not found.names:
            raise self._nothing(given)
        return SampleIndex(folder, found.names)

    def _nothing(self, root: str) -> FileNotFoundError:
        other = left_out_line(self.left_out)
        return FileNotFoundError(
            f"'{root}' holds no image; looked in all its "
            f'sub-folders for {", ".join(self.suffixes)}'
            + (f'. There are {other}.' if other else '.')
        )


def _no_folder(root: str) -> FileNotFoundError | ValueError:
    """Say what a path is that no images can be listed from."""
    if os.path.exists(root):
        return ValueError(
            f"'{root}' is no folder of images, no list (.csv, .tsv, .txt, "
            f'.parquet) and no archive ({", ".join(ARCHIVE_SUFFIXES)}) of '
            'them; a compressed archive must be decompressed first'
        )
    braces = root.endswith(ARCHIVE_SUFFIXES) and '{' in root
    hint = ' Braces are no pattern here: write * or [0-9].' * braces
    return FileNotFoundError(f"Image folder '{root}' does not exist.{hint}")


def image_files(
    root: str,
    suffixes: Sequence[str] = IMAGE_SUFFIXES,
    leave_out: Callable[[str], None] | None = None,
    onerror: Callable[[OSError], None] | None = None,
) -> Iterator[str]:
    """Yield the images below a folder, see `visible_files`.

    Args:
        root (str): The folder.
        suffixes (Sequence[str]): File name endings of images, lower case.
        leave_out (Callable, optional): Called for every other file, and for
            hidden files and folders.
        onerror (Callable, optional): See `visible_files`.
    """
    endings = tuple(suffixes)
    for name in visible_files(root, onerror, leave_out):
        if name.lower().endswith(endings):
            yield name
        elif leave_out is not None:
            leave_out(name)


def left_out_line(left_out: Mapping[tuple[str, str], int]) -> str:
    """Return what was left out, by kind and reason, most first.

    Examples:
        >>> left_out_line({('.txt', 'no image'): 2, ('.mp4', 'video'): 3})
        '3 .mp4 (video), 2 .txt (no image)'
    """
    order = sorted(left_out.items(), key=lambda item: (-item[1], item[0]))
    return ', '.join(f'{n:,} {kind} ({why})' for (kind, why), n in order)


def visible_files(
    root: str,
    onerror: Callable[[OSError], None] | None = None,
    hidden: Callable[[str], None] | None = None,
) -> Iterator[str]:
    """Yield the files below a folder, those of one folder together.

    Links are followed, a folder is read once, hidden files and folders are
    left out. Folders come in sorted order, links last, each before its
    sub-folders; files as the disk has them.

    Args:
        root (str): The folder.
        onerror (Callable, optional): Called for a sub-folder that cannot be
            read, which is then left out. Defaults to raising the error.
        hidden (Callable, optional): Called for hidden files and folders.

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
                    if hidden is not None:
                        hidden(prefix + entry.name)
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
