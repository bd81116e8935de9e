"""CVAT for images 1.1: the tags of an XML file."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from mmlatte.datasets.answers.formats.raw_answer import RawAnswer
from mmlatte.datasets.answers.problems import Problems

__all__ = ['read_cvat']


@dataclass
class _Tags:
    """What the file holds: its tags, and what else it has."""

    found: list[tuple[int, str, str, str]] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=dict)
    images: int = 0


def read_cvat(path: Path, problems: Problems) -> Iterator[RawAnswer]:
    """Yield the tags; an image without one is not answered.

    Tags that a model made (``source`` is not ``manual``) name it as
    annotator.
    """
    try:
        tags = _parse(path)
    except expat.ExpatError as error:
        problems.add(f'{path}:{error.lineno}', f'is no XML ({error})')
        return
    if not tags.images:
        problems.add(
            str(path),
            "has no <image>; export the task as 'CVAT for images 1.1'",
        )
    elif not tags.found:
        others = ', '.join(f'{n} <{name}>' for name, n in tags.others.items())
        problems.add(
            str(path),
            f'has no <tag> ({others or "no annotation"}); answers are tags '
            'of whole images',
        )
    first: dict[str, tuple[int, str]] = {}
    for line, image, label, source in tags.found:
        where = f'{path}:{line}'
        earlier, name = first.setdefault(image, (line, label))
        if name != label:
            problems.add(
                where,
                f'image {image!r} has tag {label!r} and, in line {earlier}, '
                f'{name!r}; keep one of them',
            )
            continue
        annotator = '' if source == 'manual' else f'cvat:{source}'
        yield RawAnswer(where, image, label, annotator=annotator)


def _parse(path: Path) -> _Tags:
    # expat, as ElementTree does not give the line of an element.
    parser = expat.ParserCreate()
    tags = _Tags()
    image = None

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal image
        if name == 'image':
            image = attributes['name']
            tags.images += 1
        elif image is not None and name == 'tag':
            source = attributes.get('source', 'manual')
            line = parser.CurrentLineNumber
            tags.found.append((line, image, attributes['label'], source))
        elif image is not None and name != 'attribute':
            tags.others[name] = tags.others.get(name, 0) + 1

    def end(name: str) -> None:
        nonlocal image
        if name == 'image':
            image = None

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    with path.open('rb') as file:
        parser.ParseFile(file)
    return tags
