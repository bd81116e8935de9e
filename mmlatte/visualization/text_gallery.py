"""One HTML page with the texts of a data set."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from PIL import Image

from mmlatte.atomic_file import atomic_file
from mmlatte.lmm import ImageError
from mmlatte.lmm.store.text_record import KINDS

from .page import jpeg_thumbnail, json_block

__all__ = ['GalleryImage', 'GalleryText', 'write_text_gallery']

#: Images and thumbnails in one block of the page; blocks are read when shown.
ITEMS_PER_PART = 2000
PICTURES_PER_PART = 240


@dataclass
class GalleryText:
    """A text below an image.

    Args:
        kind (str): ``'image'``, ``'group'`` or ``'class'``.
        prompt (str): The question.
        text (str): The text; empty if it failed.
        reason (str): Why it failed, or what is odd about it.
        agreement (float | None): Cosine of image and text under CLIP.
        members (Sequence[int]): Samples in the collage of a group.
        columns (int): Columns of the collage.
    """

    kind: str
    prompt: str
    text: str
    reason: str = ''
    agreement: float | None = None
    members: Sequence[int] = ()
    columns: int = 2


@dataclass
class GalleryImage:
    """An image with its texts.

    Args:
        index (int): The sample.
        name (str): Its id.
        label (int): Zero-shot label.
        score (float): Zero-shot score.
        texts (list[GalleryText]): Its texts.
    """

    index: int
    name: str
    label: int
    score: float
    texts: list[GalleryText] = field(default_factory=list)


def write_text_gallery(
    path: str | Path,
    images: Sequence[GalleryImage],
    load: Callable[[int], Image.Image],
    class_names: Sequence[str],
    title: str = 'Text gallery',
    facts: str = '',
    side: int = 112,
) -> None:
    """Write a self-contained page.

    Everything is embedded and nothing is fetched. Texts and names are data,
    never markup: they reach the page as JSON without ``<`` and are shown as
    text nodes. Cards are paged and thumbnails are unpacked when a page shows
    them, so that 20,000 images open quickly.

    Args:
        path (str | Path): The HTML file.
        images (Sequence[GalleryImage]): What to show.
        load (Callable): Returns the image of a sample.
        class_names (Sequence[str]): Names of the labels.
        title (str): Heading.
        facts (str): Line below it.
        side (int): Longer side of a thumbnail in pixels.
    """
    samples = [image.index for image in images]
    places = {index: place for place, index in enumerate(samples)}
    for image in images:
        for text in image.texts:
            for member in text.members:
                if member not in places:
                    places[member] = len(samples)
                    samples.append(member)
    items = [_item(image, places) for image in images]
    template = files(__package__).joinpath('text_gallery.html')
    before, after = template.read_text(encoding='utf-8').split('@DATA@')
    with atomic_file(path) as file:
        file.write(before.encode())
        meta = _meta(images, class_names, title, facts, len(items))
        file.write(json_block('meta', meta).encode())
        for part, batch in enumerate(_batches(items, ITEMS_PER_PART)):
            file.write(json_block(f'items-{part}', batch).encode())
        with ThreadPoolExecutor() as pool:
            batches = _batches(samples, PICTURES_PER_PART)
            for part, batch in enumerate(batches):
                shown = pool.map(lambda i: _thumbnail(load, i, side), batch)
                block = json_block(f'pictures-{part}', list(shown))
                file.write(block.encode())
        file.write(after.encode())


def _meta(
    images: Sequence[GalleryImage],
    class_names: Sequence[str],
    title: str,
    facts: str,
    count: int,
) -> dict:
    texts = [text for image in images for text in image.texts]
    cosines = [t.agreement for t in texts if t.agreement is not None]
    kinds = [kind for kind in KINDS if any(t.kind == kind for t in texts)]
    if any(not text.text for text in texts):
        kinds.append('failed')
    return {
        'title': title,
        'facts': facts,
        'classes': list(class_names),
        'kinds': kinds,
        'range': [min(cosines, default=0), max(cosines, default=1)],
        'parts': -(-count // ITEMS_PER_PART),
        'pictures_per_part': PICTURES_PER_PART,
    }


def _item(image: GalleryImage, places: dict[int, int]) -> dict:
    return {
        'name': image.name,
        'label': int(image.label),
        'score': round(float(image.score), 4),
        'picture': places[image.index],
        'texts': [
            {
                'kind': text.kind,
                'prompt': text.prompt,
                'text': text.text,
                'reason': text.reason,
                'agreement': None
                if text.agreement is None
                else round(float(text.agreement), 4),
                'members': [places[member] for member in text.members],
                'columns': text.columns,
            }
            for text in image.texts
        ],
    }


def _thumbnail(
    load: Callable[[int], Image.Image], index: int, side: int
) -> str:
    """Base64 of a small JPEG; empty for an unreadable image."""
    try:
        image = load(index)
    except ImageError:
        return ''
    return jpeg_thumbnail(image, side, quality=70)


def _batches(values: Sequence, size: int) -> Iterator[Sequence]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
