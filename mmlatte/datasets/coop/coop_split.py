import json
import os
from collections import defaultdict
from pathlib import Path, PurePosixPath

from mmlatte.datasets.indexed_dataset import IndexedDataset
from mmlatte.datasets.sample_index import SampleIndex
from mmlatte.registry import DATASETS

#: Part of the paper's data -> parts of the split file.
PARTS = {'train': ('train', 'val'), 'test': ('test',)}


@DATASETS.register_module()
class CoOpSplitDataset(IndexedDataset):
    """Images listed by a CoOp split file, ``split_zhou_*.json``.

    The file holds ``train``, ``val`` and ``test``, lists of ``[path, label,
    class name]`` with paths relative to the image folder. Class names are
    lower-cased and their ``_`` become spaces. As in the LatteCLIP paper,
    training uses CoOp's train and val. A sample's id is its path in the
    split file; samples are ordered by a hash of it (see
    :class:`~mmlatte.datasets.sample_index.SampleIndex`).

    Args:
        data_root (str): Folder of the data set. Defaults to ''.
        split_file (str): The split file, relative to `data_root`.
        split (str): ``'train'`` (train and val) or ``'test'``. Defaults to
            'train'.
        image_folder (str): Folder of the images, relative to `data_root`.
            Defaults to ''.
        **kwargs: ``metainfo``, ``indices``, ``pipeline`` and others of
            :class:`mmpretrain.datasets.BaseDataset`. Class names given in
            ``metainfo`` must be those of the split file.
    """

    def __init__(
        self,
        data_root: str = '',
        split_file: str = '',
        split: str = 'train',
        image_folder: str = '',
        **kwargs,
    ) -> None:
        if split not in PARTS:
            raise ValueError(
                f"split='{split}' is unknown; choose from {[*PARTS]}."
            )
        self.split = split
        data_root = os.path.expanduser(data_root)
        super().__init__(
            ann_file=split_file,
            data_root=data_root,
            data_prefix=image_folder,
            **kwargs,
        )

    def load_data_list(self) -> SampleIndex:
        """Read the split file and check that its images are there."""
        parts = self.read_parts()
        self._set_classes(class_names(parts, self.ann_file))
        folder = os.path.abspath(self.img_prefix or self.data_root)
        entries = [
            entry for part in PARTS[self.split] for entry in parts[part]
        ]
        paths = [entry[0] for entry in entries]
        _check_files(folder, paths, self.ann_file)
        return SampleIndex(folder, paths, [entry[1] for entry in entries])

    def read_parts(self) -> dict[str, list]:
        """Read the split: part -> list of ``[path, label, class name]``."""
        return read_split(self.ann_file)

    def _set_classes(self, names: tuple[str, ...]) -> None:
        given = self._metainfo.get('classes')
        if given is not None and tuple(given) != names:
            lines = [
                f'  label {i}: {_at(given, i)} here, {_at(names, i)} there'
                for i in range(max(len(given), len(names)))
                if _at(given, i) != _at(names, i)
            ]
            more = len(lines) - 10
            lines = lines[:10] + ([f'  ... {more} more'] if more > 0 else [])
            raise ValueError(
                f"metainfo['classes'] ({len(given)} names) does not match "
                f"'{self.ann_file}' ({len(names)} names):\n" + '\n'.join(lines)
            )
        self._metainfo['classes'] = names


def read_split(path: str) -> dict[str, list]:
    """Read a split file: part -> list of ``[path, label, class name]``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a split file.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"Split file '{path}' does not exist. The CoOp split files are "
            'linked from the file DATASETS.md of github.com/KaiyangZhou/CoOp.'
        )
    try:
        parts = json.loads(Path(path).read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(f"'{path}' is no JSON file: {error}") from error
    if not isinstance(parts, dict) or not {'train', 'val', 'test'} <= {*parts}:
        raise ValueError(
            f"'{path}' is no CoOp split file: expected the keys 'train', "
            "'val' and 'test'."
        )
    for part in ('train', 'val', 'test'):
        for number, entry in enumerate(parts[part]):
            if not _is_entry(entry):
                raise ValueError(
                    f"'{path}', {part}[{number}]: expected [relative path, "
                    f'label, class name], found {entry!r}.'
                )
    return parts


def class_names(parts: dict[str, list], path: str) -> tuple[str, ...]:
    """Return the class names of a split in label order.

    Raises:
        ValueError: If a label has two names, or labels are left out.
    """
    names: dict[int, str] = {}
    for entries in parts.values():
        for _, label, name in entries:
            name = name.lower().replace('_', ' ')
            if names.setdefault(label, name) != name:
                raise ValueError(
                    f"'{path}': label {label} is both '{names[label]}' and "
                    f"'{name}'."
                )
    if sorted(names) != [*range(len(names))] or not names:
        raise ValueError(
            f"'{path}': labels must be 0, 1, ..., found {sorted(names)}."
        )
    return tuple(names[label] for label in range(len(names)))


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, list) or len(entry) != 3:
        return False
    path, label, name = entry
    if not (isinstance(path, str) and path and isinstance(name, str)):
        return False
    pure = PurePosixPath(path)
    inside = not pure.is_absolute() and '..' not in pure.parts
    return inside and type(label) is int and label >= 0


def _check_files(folder: str, paths: list[str], source: str) -> None:
    """Check that files exist, listing every folder once."""
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            f"Image folder '{folder}' does not exist (needed by '{source}')."
        )
    wanted = defaultdict(list)
    for path in paths:
        parent, name = os.path.split(path)
        wanted[parent].append((name, path))
    missing = []
    for parent, files in wanted.items():
        try:
            with os.scandir(os.path.join(folder, parent)) as listing:
                present = {entry.name for entry in listing}
        except (FileNotFoundError, NotADirectoryError):
            present = set()
        missing += [path for name, path in files if name not in present]
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} of the {len(paths)} images that '{source}' "
            f"lists are not in '{folder}': {', '.join(sorted(missing)[:5])}"
            f'{", ..." if len(missing) > 5 else ""}. Complete the folder, or '
            'use the split file that belongs to it.'
        )


def _at(names: tuple[str, ...], index: int) -> str:
    return f"'{names[index]}'" if index < len(names) else 'none'
