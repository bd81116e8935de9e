"""From the files of a data set's authors to the layout mmlatte reads.

Each converter gets the folder of the data set, does nothing where its result
is there already, and writes its result under a temporary name first.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from mmlatte.atomic_file import atomic_file, atomic_folder

from .extract_tar import extract_tar

__all__ = ['CONVERTERS']


def caltech101(root: Path) -> None:
    """Take the images out of the archive inside the archive."""
    target = root / '101_ObjectCategories'
    if not target.is_dir():
        inner = root / 'caltech-101' / '101_ObjectCategories.tar.gz'
        extract_tar(inner, target, '101_ObjectCategories')


def fgvc_aircraft(root: Path) -> None:
    """Move images and lists from ``data/`` to the root."""
    data = root / 'data'
    if data.is_dir():
        for item in sorted(data.iterdir()):
            if not (root / item.name).exists():
                os.rename(item, root / item.name)
        shutil.rmtree(data)


def resisc45(root: Path) -> None:
    """Write the split file from the lists of file names."""
    _split_from_lists(
        root,
        'split_RESISC45.json',
        'resisc45-{}.txt',
        lambda file: file[: file.rindex('_')],
    )


def ucmerced(root: Path) -> None:
    """Write the split file from the lists of file names.

    The folders run words together; the names are spelled out.
    """
    spelled = dict(zip(UCMERCED_FOLDERS, UCMERCED_NAMES, strict=True))
    _split_from_lists(
        root,
        'split_UCMerced.json',
        'uc_merced-{}.txt',
        lambda file: re.sub(r'\d+\.\w+$', '', file),
        spelled,
    )


def cub(root: Path) -> None:
    """Write the split file from CUB's lists."""
    if (root / 'split_CUB.json').is_file():
        return
    folder = root / 'CUB_200_2011'
    paths = dict(_pairs(folder / 'images.txt'))
    classes = dict(_pairs(folder / 'classes.txt'))
    label = dict(_pairs(folder / 'image_class_labels.txt'))
    is_train = dict(_pairs(folder / 'train_test_split.txt'))
    split: dict = {'train': [], 'val': [], 'test': []}
    for key, path in paths.items():
        name = classes[label[key]].split('.', 1)[1]
        part = 'train' if is_train[key] == '1' else 'test'
        split[part].append([path, int(label[key]) - 1, name])
    _write_json(root / 'split_CUB.json', split)


def cifar10(root: Path) -> None:
    """Write one PNG file per image."""
    folder = root / 'cifar-10-batches-bin'
    names = _lines(folder / 'batches.meta.txt')
    train = [folder / f'data_batch_{n}.bin' for n in range(1, 6)]
    _write_cifar(root / 'train', train, names, label_bytes=1)
    test = [folder / 'test_batch.bin']
    _write_cifar(root / 'test', test, names, label_bytes=1)


def cifar100(root: Path) -> None:
    """Write one PNG file per image; the fine labels are used."""
    folder = root / 'cifar-100-binary'
    names = _lines(folder / 'fine_label_names.txt')
    for part in ('train', 'test'):
        _write_cifar(root / part, [folder / f'{part}.bin'], names, 2)


CONVERTERS: dict[str, Callable[[Path], None]] = {
    function.__name__: function
    for function in (
        caltech101,
        cifar10,
        cifar100,
        cub,
        fgvc_aircraft,
        resisc45,
        ucmerced,
    )
}

UCMERCED_FOLDERS = (
    'agricultural',
    'airplane',
    'baseballdiamond',
    'beach',
    'buildings',
    'chaparral',
    'denseresidential',
    'forest',
    'freeway',
    'golfcourse',
    'harbor',
    'intersection',
    'mediumresidential',
    'mobilehomepark',
    'overpass',
    'parkinglot',
    'river',
    'runway',
    'sparseresidential',
    'storagetanks',
    'tenniscourt',
)
UCMERCED_NAMES = (
    'agricultural field',
    'airplane',
    'baseball diamond',
    'beach',
    'buildings',
    'chaparral',
    'dense residential area',
    'forest',
    'freeway',
    'golf course',
    'harbor',
    'intersection',
    'medium residential area',
    'mobile home park',
    'overpass',
    'parking lot',
    'river',
    'runway',
    'sparse residential area',
    'storage tanks',
    'tennis court',
)


def _split_from_lists(
    root: Path,
    target: str,
    lists: str,
    folder_of: Callable[[str], str],
    spelled: dict[str, str] | None = None,
) -> None:
    """Write a CoOp split from lists of file names, one per part."""
    if (root / target).is_file():
        return
    files = {
        part: _lines(root / lists.format(part))
        for part in ('train', 'val', 'test')
    }
    folders = sorted({folder_of(f) for part in files.values() for f in part})
    spelled = spelled or {folder: folder for folder in folders}
    unknown = [folder for folder in folders if folder not in spelled]
    if unknown:
        raise RuntimeError(f"'{root}': unknown class {unknown[0]!r}")
    label = {folder: i for i, folder in enumerate(folders)}
    split = {
        part: [
            [f'{folder_of(f)}/{f}', label[folder_of(f)], spelled[folder_of(f)]]
            for f in names
        ]
        for part, names in files.items()
    }
    _write_json(root / target, split)


def _write_cifar(
    target: Path, files: list[Path], names: list[str], label_bytes: int
) -> None:
    """Write the images of binary files as ``<class>/<n>.png``."""
    if target.is_dir():
        return
    with atomic_folder(target) as folder:
        for name in names:
            (folder / name).mkdir()
        for number, (label, pixels) in enumerate(_records(files, label_bytes)):
            pixels = pixels.reshape(3, 32, 32).transpose(1, 2, 0)
            file = folder / names[label] / f'{number:05d}.png'
            Image.fromarray(pixels).save(file)


def _records(
    files: list[Path], label_bytes: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield label (the last label byte) and pixels of every record."""
    for file in files:
        data = np.fromfile(file, np.uint8).reshape(-1, label_bytes + 3072)
        for record in data:
            yield int(record[label_bytes - 1]), record[label_bytes:]


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    for line in _lines(path):
        key, _, value = line.partition(' ')
        yield key, value


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise RuntimeError(f"'{path}' is missing; fetch the data set again.")
    text = path.read_text(encoding='utf-8')
    return [line.strip() for line in text.splitlines() if line.strip()]


def _write_json(path: Path, data: dict) -> None:
    with atomic_file(path) as file:
        file.write(json.dumps(data).encode())
