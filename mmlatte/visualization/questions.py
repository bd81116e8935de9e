"""One HTML page on which a person names the classes of a few images."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from PIL import Image

from .page import jpeg_thumbnail, json_block, write_page

__all__ = ['Question', 'question_page', 'write_questions_page']

#: Longer sides in pixels, and JPEG quality: of the image, of its neighbours.
LARGE, LARGE_QUALITY = 768, 88
SMALL, SMALL_QUALITY = 160, 80


@dataclass
class Question:
    """An image to ask about.

    Args:
        id (str): Sample id, the path relative to the data root.
        index (int): The sample.
        share (float): Of the images that it represents, in [0, 1].
        likely (Sequence[int]): Classes, the current guess first.
        neighbours (Sequence[int]): Samples that are most like it.
    """

    id: str
    index: int
    share: float
    likely: Sequence[int]
    neighbours: Sequence[int] = field(default_factory=list)


def question_page(
    questions: Sequence[Question],
    class_names: Sequence[str],
    *,
    none: str,
    skip: str,
    title: str = 'What do these images show?',
    command: str = '',
    answers: Sequence[tuple[str, dict]] = (),
    estimate: str = '',
    load: Callable[[int], Image.Image] | None = None,
) -> str:
    """Return the page, in one of two forms.

    With ``load`` the page holds its pictures, keeps answers in the browser's
    local storage and saves them as ``answers.csv``. Without it a server gives
    the pictures by their number and takes every answer at once.

    Names, ids and titles are data, never markup: they reach the page as JSON
    without ``<`` and are shown as text nodes.

    Args:
        questions (Sequence[Question]): In the order of asking.
        class_names (Sequence[str]): All classes.
        none (str): The class in ``answers.csv`` for "none of these".
        skip (str): The class for a skipped image.
        title (str): Heading.
        command (str): How to go on when all is answered.
        answers (Sequence[tuple[str, dict]]): Given before, in their order:
            sample id and ``{'class': name}``, ``{'none': True}`` or
            ``{'skip': True}``.
        estimate (str): The accuracy so far, in words.
        load (Callable, optional): Sample -> its image.

    Returns:
        str: HTML.

    Raises:
        ValueError: If there is no question.
    """
    if not questions:
        raise ValueError('there is no question to put on a page')
    used = sorted({i for q in questions for i in (q.index, *q.neighbours)})
    number = {index: n for n, index in enumerate(used)}
    served = load is None
    key = json.dumps([title, *class_names, *(q.id for q in questions)])
    meta = dict(
        title=title,
        key=hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:16],
        classes=[*class_names],
        none=none,
        skip=skip,
        served=served,
        command=command,
        answers=[*answers],
        estimate=estimate,
        questions=[
            dict(
                id=q.id,
                picture=number[q.index],
                share=f'{q.share:.1%}',
                likely=[int(c) for c in q.likely],
                neighbours=[number[n] for n in q.neighbours],
            )
            for q in questions
        ],
    )
    data = [json_block('meta', meta)]
    if load is not None:
        asked = {q.index for q in questions}
        data += [
            json_block(f'picture-{number[i]}', _picture(load(i), i in asked))
            for i in used
        ]
    page = files('mmlatte.visualization') / 'questions.html'
    html = page.read_text(encoding='utf-8')
    html = html.replace('@CONNECT@', "'self'" if served else "'none'", 1)
    return html.replace('@DATA@', ''.join(data), 1)


def write_questions_page(path: str | Path, *args, **kwargs) -> None:
    """Write `question_page` to a file that is whole or not there."""
    write_page(path, question_page(*args, **kwargs))


def _picture(image: Image.Image, large: bool) -> str:
    if large:
        return jpeg_thumbnail(_enlarged(image), LARGE, LARGE_QUALITY)
    return jpeg_thumbnail(image, SMALL, SMALL_QUALITY)


def _enlarged(image: Image.Image) -> Image.Image:
    """Enlarge a small image smoothly: a tile of 64 pixels is hard to judge."""
    side = max(image.size)
    if side * 4 > LARGE:
        return image
    size = (image.width * 4, image.height * 4)
    return image.convert('RGB').resize(size, Image.Resampling.LANCZOS)
