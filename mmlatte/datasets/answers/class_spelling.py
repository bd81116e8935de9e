"""Class names as people write them."""

import difflib
import re
import unicodedata
from collections.abc import Sequence
from urllib.parse import unquote

from mmlatte.datasets.answers.answer import NONE, SKIP, WITHDRAWN

__all__ = ['ClassSpelling']

#: How people write the answers that are no class.
OTHER_WORDS = {
    'none': NONE,
    'none of these': NONE,
    'none of them': NONE,
    'unknown': SKIP,
    'skip': SKIP,
    'skipped': SKIP,
}


class ClassSpelling:
    """Checks that classes are spelled as in the list.

    Args:
        class_names (Sequence[str]): The classes.
        allow_new (bool): Whether names that are not in the list, in no
            spelling, are taken as new classes. Defaults to False.

    Raises:
        ValueError: If a class has the name of an answer that is no class.
    """

    def __init__(
        self, class_names: Sequence[str], allow_new: bool = False
    ) -> None:
        self.allow_new = allow_new
        self._known = {*class_names, NONE, SKIP}
        for name in (NONE, SKIP, WITHDRAWN):
            if name in class_names:
                raise ValueError(
                    f'class {name!r} is a word of the answers; rename it'
                )
        self._plain = {plain_spelling(name): name for name in class_names}
        self._others = {
            plain: name
            for plain, name in OTHER_WORDS.items()
            if plain not in self._plain
        }

    def find(self, name: str) -> str:
        """Return the class.

        Raises:
            LookupError: If there is no such class; names the remedy.
        """
        if name in self._known:
            return name
        if not name.strip():
            raise LookupError(
                f'has no class; name one, or {SKIP!r}, or delete the answer'
            )
        plain = plain_spelling(name)
        meant = self._plain.get(plain) or self._others.get(plain)
        if meant is not None:
            raise LookupError(f'class {name!r}: did you mean {meant!r}?')
        if self.allow_new:
            self._known.add(name)
            self._plain[plain] = name
            return name
        raise LookupError(f'class {name!r} {self._advice(plain)}')

    def find_folder(self, name: str) -> str:
        """Return the class of a folder's name; its spelling may differ.

        Raises:
            LookupError: If there is no such class; names the remedy.
        """
        # What no folder can be called stands there as '%2F'.
        for spelled in (unquote(name), name):
            if spelled in self._known:
                return spelled
        return self._plain.get(plain_spelling(name)) or self.find(name)

    def _advice(self, plain: str) -> str:
        close = difflib.get_close_matches(plain, self._plain, n=3)
        if close:
            names = ' or '.join(repr(self._plain[word]) for word in close)
            return f'is not among the classes; did you mean {names}?'
        some = list(self._plain.values())
        shown = ', '.join(some[:10]) + (', ...' if len(some) > 10 else '')
        return (
            f'is not among the {len(some)} classes ({shown}); correct it, '
            'add it to them, or allow new names'
        )


def plain_spelling(name: str) -> str:
    """Return what two spellings of a name have in common.

    Examples:
        >>> plain_spelling('Annual-Crop') == plain_spelling('annual_crop ')
        True
    """
    name = unicodedata.normalize('NFKC', name).casefold()
    return re.sub(r'[\s_-]+', ' ', name).strip()
