"""Images in a report, with what is known of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

__all__ = ['ImageSection', 'ReportImage', 'images_html', 'review_html']


@dataclass
class ReportImage:
    """An image to show.

    Args:
        name (str): Its id.
        picture (str): Thumbnail as a data URL; '' if there is none.
        lines (list[str]): The text below it.
    """

    name: str
    picture: str
    lines: list[str] = field(default_factory=list)


@dataclass
class ImageSection:
    """Images under a heading of their own.

    Args:
        title (str): Heading.
        about (str): What they are.
        images (Sequence[ReportImage]): The images.
    """

    title: str
    about: str
    images: Sequence[ReportImage]


def review_html(sections: Sequence[ImageSection]) -> list[str]:
    """Return images for a person to look at, a heading for each reason."""
    if not sections:
        return []
    return [
        '<h2>For you to look at</h2>',
        '<p class="soft">All of them, and more, are in review.csv; answer '
        'them with --answers, or ask with --ask.</p>',
        *(
            line
            for section in sections
            for line in images_html(
                section.title, section.about, section.images, 'h3'
            )
        ),
    ]


def images_html(
    title: str, about: str, images: Sequence[ReportImage], tag: str = 'h2'
) -> list[str]:
    """Return images with their texts, below a heading.

    Args:
        title (str): Heading.
        about (str): What they are.
        images (Sequence[ReportImage]): The images; without any, nothing.
        tag (str): Element of the heading.
    """
    if not images:
        return []
    cards = []
    for image in images:
        picture = f'<img src="{escape(image.picture)}" alt="">'
        lines = ''.join(f'<p>{escape(line)}</p>' for line in image.lines)
        cards.append(
            f'<div class="card">{picture if image.picture else ""}'
            f'<p class="soft">{escape(image.name)}</p>{lines}</div>'
        )
    return [
        f'<{tag}>{escape(title)}</{tag}>',
        f'<p class="soft">{escape(about)}</p>',
        f'<div class="images">{"".join(cards)}</div>',
    ]
