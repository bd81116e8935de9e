"""Members of WebDataset shards that belong together."""

from collections import defaultdict
from collections.abc import Sequence

__all__ = ['one_of_each']

#: Where a sample has several images, the first of these; others after them.
FIRST = ('jpg', 'jpeg', 'png', 'webp')


def one_of_each(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the image of every sample, and its further ones.

    Members of a sample have one name up to the first dot. The image is the
    member whose ending has no other dot: ``7.jpg`` beside ``7.mask.png``. Of
    ``7.jpg`` and ``7.png`` it is the JPEG. Where all endings have several
    dots, as in ``IMG.2021.jpg``, these are names of pictures and no samples:
    all are taken.

    Args:
        names (Sequence[str]): Members that are images.

    Examples:
        >>> one_of_each(['a/7.mask.png', 'a/7.jpg', 'b/7.left.png'])
        (['a/7.jpg', 'b/7.left.png'], ['a/7.mask.png'])
    """
    plain = defaultdict(list)
    for name in names:
        key, ending = _split(name)
        if '.' not in ending:
            plain[key].append((_rank(ending), name))
    chosen = {key: min(found)[1] for key, found in plain.items()}
    kept: list[str] = []
    others: list[str] = []
    for name in names:
        image = chosen.get(_split(name)[0], name)
        (kept if image == name else others).append(name)
    return kept, others


def _split(name: str) -> tuple[str, str]:
    """Split at the first dot behind the folders."""
    folder, slash, base = name.rpartition('/')
    key, _, ending = base.partition('.')
    return folder + slash + key, ending


def _rank(ending: str) -> tuple[int, str]:
    ending = ending.lower()
    place = FIRST.index(ending) if ending in FIRST else len(FIRST)
    return place, ending
