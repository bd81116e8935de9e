"""A folder with one sub-folder of images per class."""

import filecmp
import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmlatte.archives import is_archived, open_image
from mmlatte.datasets.answers.formats.raw_answer import RawAnswer
from mmlatte.datasets.answers.image_names import ImageNames
from mmlatte.datasets.answers.problems import Problems
from mmlatte.datasets.sample_index import file_sizes
from mmlatte.datasets.unlabeled_folder import image_files

__all__ = ['read_class_folders']


def read_class_folders(
    folder: Path,
    ids: Sequence[str],
    names: ImageNames,
    root: Path | None,
    problems: Problems,
) -> Iterator[RawAnswer]:
    """Yield the images below the folders, each the answer of its folder.

    An image is found by its path from ``folder``, by that from the class
    folder, or by its name, if the file is the same; else by its content
    alone, if one image has it.

    Args:
        folder (Path): Holds the class folders.
        ids (Sequence[str]): Ids of all samples.
        names (ImageNames): Of the same ids.
        root (Path | None): The data root. Without it, names alone count.
        problems (Problems): Collects what is wrong.
    """
    lost: list[str] = []
    count = 0
    for path in sorted(image_files(str(folder))):
        count += 1
        if '/' not in path:
            problems.add(
                str(folder / path),
                'is in no class folder; move it into the one of its class',
            )
            continue
        name = _by_name(folder, path, names, root, problems)
        if name is None:
            lost.append(path)
        else:
            yield _answer(folder, path, name)
    if not count:
        problems.add(
            str(folder), 'holds no image; give a folder of class folders'
        )
    if root is not None:
        yield from _by_content(folder, lost, ids, root, problems)


def _answer(folder: Path, path: str, name: str) -> RawAnswer:
    label = path.partition('/')[0]
    return RawAnswer(str(folder / path), name, label, folder=True)


def _by_name(
    folder: Path,
    path: str,
    names: ImageNames,
    root: Path | None,
    problems: Problems,
) -> str | None:
    inside = path.partition('/')[2]
    error = None
    for tried in (path, inside):
        try:
            name = names.find(tried)
        except LookupError as found:
            error = found
            continue
        if root is None or _same(folder / path, root / name):
            return name
    if root is None:
        problems.add(str(folder / path), error)
    return None


def _same(one: Path, other: Path) -> bool:
    if is_archived(other):
        return _digest(one) == _digest(other)
    return os.path.exists(other) and (
        os.path.samefile(one, other) or filecmp.cmp(one, other, shallow=False)
    )


def _by_content(
    folder: Path,
    paths: list[str],
    ids: Sequence[str],
    root: Path,
    problems: Problems,
) -> Iterator[RawAnswer]:
    if not paths:
        return
    sizes = file_sizes([str(folder / path) for path in paths]).tolist()
    all_sizes = file_sizes([str(root / name) for name in ids]).tolist()
    wanted = set(sizes)
    known = defaultdict(list)
    for name, size in zip(ids, all_sizes, strict=True):
        if size in wanted:  # others need not be read
            known[_digest(root / name)].append(name)
    for path in paths:
        same = known.get(_digest(folder / path), [])
        if len(same) == 1:
            yield _answer(folder, path, same[0])
        elif same:
            problems.add(
                str(folder / path),
                f'the images {same[:3]} have the same content; name the file '
                'as one of them',
            )
        else:
            problems.add(
                str(folder / path),
                f"is none of the {len(ids)} images of '{root}', by path and "
                'content; if it is a changed copy, list it in a file with '
                'the columns image,class',
            )


def _digest(path: Path) -> bytes:
    with open_image(path) as file:
        return hashlib.blake2b(file.read()).digest()
