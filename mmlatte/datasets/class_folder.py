import os
from array import array
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from mmlatte.decode_image import IMAGE_SUFFIXES
from mmlatte.registry import DATASETS

from .class_names import match_folders
from .indexed_dataset import IndexedDataset
from .sample_index import SampleIndex


@DATASETS.register_module()
class ClassFolder(IndexedDataset):
    """Images in one folder per class, as ImageNet's.

    Folders are classes by their names, in any order: case and breaks do not
    count (``AnnualCrop``, ``annual_crop``), and a character that no folder can
    have is written as in addresses (``km%2Fh``). A sample's id is its path
    relative to `data_root`; samples are ordered by a hash of it.

    Args:
        data_root (str): Folder of the data set.
        image_folder (str): Folder of the class folders, relative to
            `data_root`, e.g. ``'train'``. Defaults to ''.
        suffixes (Sequence[str]): File name endings of images, lower case.
        partial (bool): Whether some classes may have no folder, or an empty
            one. Defaults to False.
        ignore (Sequence[str]): Names of folders that are no class.
        by_name (bool): False takes the folders in sorted order for the
            classes, for names that say nothing (ImageNet's). Defaults to True.
        synonyms (dict[str, Sequence[str]], optional): Further names of some
            classes, which folders may have.
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
        ignore: Sequence[str] = (),
        by_name: bool = True,
        synonyms: dict[str, Sequence[str]] | None = None,
        **kwargs,
    ) -> None:
        self.suffixes = tuple(suffix.lower() for suffix in suffixes)
        self.partial = partial
        self.ignore = {*ignore}
        self.by_name = by_name
        self.synonyms = synonyms
        super().__init__(
            ann_file='',
            data_root=os.path.expanduser(data_root),
            data_prefix=image_folder,
            **kwargs,
        )

    def load_data_list(self) -> SampleIndex:
        """List the class folders and their images.

        Raises:
            FileNotFoundError: If the folder does not exist, holds no class
                folder, or one of them no image.
            ValueError: If folders and classes do not belong together.
        """
        root = os.path.abspath(self.img_prefix or self.data_root)
        if not os.path.isdir(root):
            raise FileNotFoundError(f"Image folder '{root}' does not exist.")
        folders = [f for f in class_folders(root) if f not in self.ignore]
        if not folders:
            raise FileNotFoundError(f"'{root}' holds no class folder.")
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
        if not found and not self.partial:
            raise FileNotFoundError(f"Class folder '{folder}' has no image.")
        return found

    def _set_classes(self, folders: list[str], root: str) -> list[int]:
        """Settle the class names; return the label of every folder."""
        names = self._metainfo.get('classes')
        if names is None:
            names = [unquote(name).replace('_', ' ') for name in folders]
            self.by_name = False
        self._metainfo['classes'] = tuple(names)
        start = f"metainfo['classes'] has {len(names)} names"
        if not self.by_name:
            if len(names) != len(folders):
                raise ValueError(
                    f"{start}, '{root}' has {len(folders)} class folders: "
                    f'{folders[:5]} ...'
                )
            return list(range(len(folders)))
        try:
            found = match_folders(folders, names, self.synonyms)
        except ValueError as error:
            raise ValueError(f"'{root}': {error}") from None
        extra = [folder for folder in folders if folder not in found]
        without = {*range(len(names))} - {*found.values()}
        if extra or (without and not self.partial):
            lacking = [names[label] for label in sorted(without)]
            raise ValueError(
                f"{start}, and '{root}' other folders: "
                f'no class for the folders {extra[:10]}, no folder for the '
                f'classes {lacking[:10]}. Call folders as the classes are '
                'called, or set ignore= and partial=True.'
            )
        return [found[folder] for folder in folders]


def class_folders(root: str) -> list[str]:
    """Return the names of the folders in a folder, sorted; no hidden ones.

    Args:
        root (str): The folder.
    """
    return sorted(
        entry.name
        for entry in os.scandir(root)
        if entry.is_dir() and not entry.name.startswith('.')
    )
