"""Which of several names a text picks."""

import json
import re
from collections.abc import Sequence

from ..thoughts import without_thoughts
from .letters import LETTERS

__all__ = ['parse_choice', 'parse_json']

#: "B", "(b)", "B. river", "Answer: B", "The answer is B."; not "A river".
_LETTER = re.compile(
    r'^\W*(?:(?:the\s+)?(?:correct\s+)?(?:answer|option|choice|letter)'
    r'(?:\s+is)?\W*)?\b([a-z])(?:\W*$|\s*[.):,\]*-])',
    re.I,
)


def parse_choice(
    text: str, names: Sequence[str], letters: bool = False
) -> int | None:
    """Find the name that a short answer picks.

    A letter counts where one was asked for, then a name: the only one that
    occurs as whole words, or the one that the text starts with. A name that
    is a part of a longer one that occurs does not count.

    Args:
        text (str): The answer as it came.
        names (Sequence[str]): What there was to choose from.
        letters (bool): Whether a letter was asked for.

    Returns:
        int | None: Position of the name; None if the text picks none, or
        more than one.

    Examples:
        >>> parse_choice('It is a River.', ['forest', 'river'])
        1
        >>> parse_choice('(B)', ['forest', 'river'], letters=True)
        1
        >>> parse_choice('a forest or a river', ['forest', 'river'])
    """
    text = without_thoughts(text).strip()
    found = parse_json(text)
    if found is not None:
        text = str(found['answer'])
    if letters and (match := _LETTER.match(text)) is not None:
        place = LETTERS.find(match[1].upper())
        if 0 <= place < len(names):
            return place
    return _only_name(_words(text), [_words(name) for name in names])


def parse_json(text: str) -> dict | None:
    """Return the JSON object of a text if it has an ``answer``."""
    start, end = text.find('{'), text.rfind('}')
    try:
        found = json.loads(text[start : end + 1])
    except ValueError:
        return None
    there = isinstance(found, dict) and 'answer' in found
    return found if there else None


def _only_name(text: str, names: list[str]) -> int | None:
    if text in names:
        return names.index(text)
    taken = text
    found: list[int] = []
    # Longer names first, so that "river" is not found in "river bank".
    for i in sorted(range(len(names)), key=lambda i: -len(names[i])):
        pattern = rf'(?<!\w){re.escape(names[i])}s?(?!\w)'
        if names[i] and re.search(pattern, taken):
            taken = re.sub(pattern, ' | ', taken)
            found.append(i)
    if len(found) == 1:
        return found[0]
    first = [i for i in found if text.startswith(names[i])]
    return first[0] if first else None


def _words(text: str) -> str:
    return ' '.join(re.findall(r'\w+', text.replace('_', ' ').casefold()))
