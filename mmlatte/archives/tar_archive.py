import os
import posixpath
import tarfile
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from mmlatte.decode_image.suffixes import kind_and_reason
from mmlatte.sample_key import encode_id, sample_key, sample_keys

from .archive import Archive
from .webdataset_samples import one_of_each

__all__ = ['TarArchive']


class TarArchive(Archive):
    """A tar file, such as a shard of WebDataset.

    Its headers are read once; 24 bytes and the name of every member are
    kept. Links are no images of their own, and names that leave the archive
    none at all: both are left out.

    Args:
        path (str): The file; not compressed, so that a member can be read
            alone.

    Raises:
        ValueError: If it is damaged, or no tar file.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._others: Counter[tuple[str, str]] = Counter()
        names: list[bytes] = []
        places = array('q')
        try:
            for member in _members(path):
                name = self._name(member)
                if name is not None:
                    names.append(encode_id(name))
                    places.extend((member.offset_data, member.size))
        except tarfile.TarError as error:
            raise ValueError(
                f"'{path}' is damaged, or no plain tar file ({error}); a "
                'compressed one must be decompressed first'
            ) from error
        keys = sample_keys(names)
        order = np.argsort(keys, kind='stable')
        self._keys = keys[order]
        # Copies: views would keep the arrays as they were read.
        self._places = np.array(places, np.int64).reshape(-1, 2)[order]
        self._names = b'\0'.join(names)

    def _name(self, member: tarfile.TarInfo) -> str | None:
        """Return the name of a file; None for what is none, counted."""
        if member.isdir():
            return None
        name = posixpath.normpath(member.name)
        if not member.isreg() or member.issparse():
            self._others['link', 'no file of its own'] += 1
        elif name.startswith(('/', '../')) or '\0' in name:
            self._others['outside', 'its name leaves the archive'] += 1
        else:
            return name
        return None

    def images(
        self, suffixes: Sequence[str]
    ) -> tuple[list[str], Counter[tuple[str, str]]]:
        """See `Archive`; of every sample of WebDataset there is one.

        Raises:
            ValueError: If two images have one name.
        """
        left_out = Counter(self._others)
        images = []
        names = self._names.split(b'\0') if self._names else []
        for name in map(os.fsdecode, names):
            hidden = [p for p in name.split('/') if p.startswith('.')]
            if hidden or not name.lower().endswith(tuple(suffixes)):
                left_out[kind_and_reason((hidden or [name])[0])] += 1
            else:
                images.append(name)
        twice = [name for name, n in Counter(images).items() if n > 1]
        if twice:
            raise ValueError(
                f"'{self.path}' holds two members {twice[0]!r}; write it anew"
            )
        kept, others = one_of_each(images)
        for name in others:
            ending = name.rpartition('/')[2].partition('.')[2].lower()
            left_out[f'.{ending}', 'another image of a sample'] += 1
        return kept, left_out

    def read(self, name: str) -> bytes:
        """See `Archive`."""
        offset, size = self._place(name)
        with open(self.path, 'rb') as file:
            file.seek(offset)
            data = file.read(size)
        if len(data) < size:
            raise OSError(f"'{self.path}' ends within {name!r}")
        return data

    def size(self, name: str) -> int:
        """See `Archive`."""
        return self._place(name)[1]

    def _place(self, name: str) -> tuple[int, int]:
        key = sample_key(name)
        row = int(np.searchsorted(self._keys, np.uint64(key)))
        if row == len(self._keys) or int(self._keys[row]) != key:
            raise self._missing(name)
        offset, size = self._places[row].tolist()
        return offset, size


def _members(path: str) -> Iterator[tarfile.TarInfo]:
    with tarfile.open(path, 'r:', errors='surrogateescape') as tar:
        while (member := tar.next()) is not None:
            # It would keep an object for each.
            tar.members.clear()  # type: ignore[attr-defined]
            yield member
        end = tar.offset
    _check_end(path, end)


def _check_end(path: str, end: int) -> None:
    """Refuse what follows the last member, unless that is the end mark.

    The reader of tarfile ends without a word at a damaged header, where a
    file was cut, and where another archive was appended.
    """
    with open(path, 'rb') as file:
        file.seek(end)
        marked = False
        while block := file.read(1 << 20):
            if any(block):
                raise ValueError(
                    f"'{path}' is damaged at byte {end}, or holds another "
                    'archive behind it: fetch or write it anew'
                )
            marked = True
    if not marked:
        raise ValueError(
            f"'{path}' ends without the mark of its end, as half a download: "
            'fetch or write it anew'
        )
