"""Images as other files and tools name them."""

import difflib
import os
import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

__all__ = ['ImageNames']

#: Looking for a similar name takes long: so often, and among so many.
SIMILAR_LOOKS = 10
SIMILAR_AMONG = 20_000


class ImageNames:
    """Finds samples by id, by a longer or shorter path, or by other forms.

    A name is never guessed: it must fit one sample only.

    Args:
        ids (Sequence[str]): Ids of all samples.
        root (Path, optional): The data root, to resolve absolute paths.
    """

    def __init__(self, ids: Sequence[str], root: Path | None = None) -> None:
        self._ids = ids
        self._root = None if root is None else os.path.abspath(root)
        self._known = set(ids)
        self._looks_left = SIMILAR_LOOKS
        self._by: dict[Callable, dict[str, list[str]]] = {}

    def find(self, name: str) -> str:
        """Return the id of an image by its id or path.

        The path may be longer than the id (absolute, or from another
        folder) or shorter, as long as one image alone ends like it.

        Raises:
            LookupError: If no image or several fit; names the remedy.
        """
        if name in self._known:
            return name
        path = _clean(name)
        named = self._index(_base)[_base(path)]
        if self._root is not None and name.startswith(self._root + os.sep):
            path = _clean(name.removeprefix(self._root))
            longer = shorter = []
        else:
            ends = [(f'/{_clean(i)}', i) for i in named]
            longer = [i for end, i in ends if f'/{path}'.endswith(end)]
            shorter = [i for end, i in ends if end.endswith(f'/{path}')]
        exact = [i for i in named if _clean(i) == path]
        return self._only(name, exact or longer or shorter, named)

    def find_without_suffix(self, name: str) -> str:
        """Return the id of an image by its path, or that without '.jpg'.

        Raises:
            LookupError: If no image or several fit.
        """
        try:
            return self.find(name)
        except LookupError:
            pass  # its end may look like a suffix, and be none
        path = _clean(name)
        named = self._index(_stem)[_base(path)]
        fitting = [
            i
            for i in named
            if f'/{_clean(i)}'.rpartition('.')[0].endswith(f'/{path}')
        ]
        exact = [i for i in fitting if _clean(i).rpartition('.')[0] == path]
        return self._only(name, exact or fitting, named)

    def find_uploaded(self, name: str) -> str:
        """Return the id of an image by its name as an upload keeps it.

        Raises:
            LookupError: If no image or several fit.
        """
        named = self._index(_uploaded)[_uploaded(name)]
        return self._only(name, named, named)

    def _index(self, key: Callable[[str], str]) -> dict[str, list[str]]:
        if key not in self._by:
            index = self._by[key] = defaultdict(list)
            for name in self._ids:
                index[key(name)].append(name)
        return self._by[key]

    def _only(self, name: str, fitting: list[str], named: list[str]) -> str:
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise LookupError(
                f'image {name!r} may be {_some(fitting)}; write the path '
                'from the data root'
            )
        raise LookupError(f'image {name!r} {self._advice(name, named)}')

    def _advice(self, name: str, named: list[str]) -> str:
        what = f'is not among the {len(self._ids)} images'
        if named:
            return f'{what}; did you mean {_some(named)}?'
        if len(self._ids) <= SIMILAR_AMONG and self._looks_left:
            self._looks_left -= 1
            similar = difflib.get_close_matches(
                name, self._ids, n=3, cutoff=0.8
            )
            if similar:
                return f'{what}; did you mean {_some(similar)}?'
        return f'{what}; write paths from the data root, as {_some(self._ids)}'


def _clean(name: str) -> str:
    name = unicodedata.normalize('NFC', name.replace('\\', '/'))
    return posixpath.normpath(name).lstrip('/')


def _base(name: str) -> str:
    return posixpath.basename(_clean(name))


def _stem(name: str) -> str:
    return _base(name).rpartition('.')[0]


def _uploaded(name: str) -> str:
    """Return a file's name as Django, below Label Studio, stores it."""
    return re.sub(r'[^-\w.]', '', _base(name).strip().replace(' ', '_'))


def _some(names: Iterable[str], most: int = 3) -> str:
    names = list(names)
    shown = ' or '.join(repr(name) for name in names[:most])
    return shown + (' or ...' if len(names) > most else '')
