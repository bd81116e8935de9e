import os
from array import array
from collections.abc import Iterator, Sequence

from mmlatte.registry import DATASETS

from .indexed_dataset import IndexedDataset
from .sample_index import SampleIndex
from .unlabeled_folder import IMAGE_SUFFIXES


@DATASETS.register_module()
class ClassFolder(IndexedDataset):
    """Images in one folder per class, as ImageNet's.

    Folders named like the classes of `metainfo` (``_`` for a space, upper or
    lower case) get their labels, in any order; else labels count the folders
    in sorted order. A sample's id is its path relative to `data_root`; samples
    are ordered by a hash of it.

    Args:
        data_root (str): Folder of the data set.
        image_folder (str): Folder of the class folders, relative to
            `data_root`, e.g. ``'train'``. Defaults to ''.
        suffixes (Sequence[str]): File name endings of images, lower case.
        partial (bool): Whether some classes may have no folder, if every
            folder is named like a class. Defaults to False.
        **kwargs: ``metainfo``, ``indices``, ``pipeline`` and others of
            :class:`mmpretrain.datasets.BaseDataset`. Class names default to
            the folder names, ``_`` as space.
    """

    def __init__(
        self,
        data_root: str,
        image_folder: str = '',
        suffixes: Sequence[str] = IMAGE_SUFFIXES,
        partial: bool = False,
        **kwargs,
    ) -> None:
        self.suffixes = tuple(suffix.lower() for suffix in suffixes)
        self.partial = partial
        super().__init__(
            ann_file='',
            data_root=os.path.expanduser(data_root),
            data_prefix=image_folder,
            **kwargs,
        )

    def load_data_list(self) -> SampleIndex:
        """List the class folders and their images."""
        root = os.path.abspath(self.img_prefix or self.data_root)
        if not os.path.isdir(root):
            raise FileNotFoundError(f"Image folder '{root}' does not exist.")
        folders = sorted(
            entry.name
            for entry in os.scandir(root)
            if entry.is_dir() and not entry.name.startswith('.')
        )
        known = self._set_classes(folders, root)
        base = os.path.abspath(self.data_root)
        prefix = os.path.relpath(root, base).replace(os.sep, '/')
        prefix = '' if prefix == '.' else f'{prefix}/'
        labels = array('i')  # grows with the names

        def names() -> Iterator[str]:
            for label, folder in zip(known, folders, strict=True):
                for path in self._images(os.path.join(root, folder)):
                    labels.append(label)
                    inside = path[len(root) :].lstrip(os.sep)
                    yield prefix + inside.replace(os.sep, '/')

        return SampleIndex(base, names(), labels)

    def _images(self, folder: str) -> list[str]:
        found = [
            os.path.join(parent, name)
            for parent, _, names in os.walk(folder, followlinks=True)
            for name in names
            if name.lower().endswith(self.suffixes) and name[0] != '.'
        ]
        if not found:
            raise FileNotFoundError(f"Class folder '{folder}' has no image.")
        return found

    def _set_classes(self, folders: list[str], root: str) -> list[int]:
        """Settle the class names; return the label of every folder."""
        names = self._metainfo.get('classes')
        if names is None:
            names = [folder.replace('_', ' ') for folder in folders]
        known = {plain_name(name): label for label, name in enumerate(names)}
        plain = {plain_name(folder) for folder in folders}
        fewer = self.partial and plain < known.keys()
        if len(names) != len(folders) and not fewer:
            raise ValueError(
                f"metainfo['classes'] has {len(names)} names, '{root}' has "
                f'{len(folders)} class folders: {folders[:5]} ...'
            )
        self._metainfo['classes'] = tuple(names)
        if plain == known.keys() or fewer:
            return [known[plain_name(folder)] for folder in folders]
        return list(range(len(folders)))


def plain_name(name: str) -> str:
    """Return what folder names and class names are compared by.

    Examples:
        >>> plain_name('Annual_Crop') == plain_name('annual crop')
        True
    """
    return name.replace('_', ' ').lower()
