"""What an LMM is asked about a folder's images, and the keys of prompts."""

import json
import re
from dataclasses import dataclass

__all__ = [
    'CLASS',
    'GroupOptions',
    'group_key',
    'image_key',
    'prompts_for',
    'render',
    'with_article',
]

#: Stands for the zero-shot class in a prompt.
CLASS = '{class}'

_IMAGE = 'Describe {} concisely, less than 20 words.'
_GROUP = (
    'Describe the common visual attributes of {} concisely, '
    'less than 20 words.'
)


def prompts_for(describe: str) -> tuple[str, str]:
    """Return the questions about one image and about a collage.

    Args:
        describe (str): What an image is, such as ``'satellite image'``.

    Examples:
        >>> prompts_for('photo')[0]
        'Describe what the photo shows concisely, less than 20 words.'
    """
    pictures = f'the pictures, each of them {with_article(describe)},'
    return (
        _IMAGE.format(f'what the {describe} shows'),
        _GROUP.format(pictures),
    )


def with_article(noun: str) -> str:
    """Return a noun with ``a`` or ``an`` before it.

    Examples:
        >>> with_article('aerial image')
        'an aerial image'
    """
    return f'{"an" if noun[:1].lower() in "aeiou" else "a"} {noun}'


@dataclass(frozen=True)
class GroupOptions:
    """How the collage of a group is drawn and laid out.

    Args:
        size (int): Images in a collage.
        grid (tuple[int, int]): Columns and rows.
        canvas (int | tuple[int, int]): Width and height in pixels.
        gap (int): Pixels between cells.
        draw (str): ``'class'`` draws from all images of the same zero-shot
            class (the paper), ``'neighbours'`` from the nearest among them
            in the frozen feature space.
        neighbours (int): How many nearest images ``'neighbours'`` draws from.
    """

    size: int = 4
    grid: tuple[int, int] = (2, 2)
    canvas: int | tuple[int, int] = 672
    gap: int = 20
    draw: str = 'class'
    neighbours: int = 16

    def __post_init__(self) -> None:
        object.__setattr__(self, 'grid', tuple(self.grid))
        if not isinstance(self.canvas, int):
            object.__setattr__(self, 'canvas', tuple(self.canvas))
        columns, rows = self.grid
        if not 1 <= self.size <= columns * rows:
            raise ValueError(
                f'group size {self.size} does not fit a grid of '
                f'{columns} x {rows} cells: give size <= {columns * rows}'
            )
        if min(self.cell) < 1 or self.gap < 0:
            raise ValueError(
                f'a canvas of {self.canvas} with a gap of {self.gap} leaves '
                f'no room for {columns} x {rows} cells'
            )
        if self.draw not in ('class', 'neighbours'):
            raise ValueError(
                f"draw={self.draw!r}: give 'class' or 'neighbours'"
            )
        if self.draw == 'neighbours' and self.neighbours < self.size:
            raise ValueError(
                f'neighbours={self.neighbours} is less than size={self.size}'
            )

    @property
    def canvas_size(self) -> tuple[int, int]:
        """Width and height of the canvas."""
        if isinstance(self.canvas, int):
            return self.canvas, self.canvas
        return self.canvas

    @property
    def cell(self) -> tuple[int, int]:
        """Width and height of a cell."""
        (width, height), (columns, rows) = self.canvas_size, self.grid
        return (
            (width - self.gap * (columns - 1)) // columns,
            (height - self.gap * (rows - 1)) // rows,
        )


def render(prompt: str, class_name: str) -> str:
    """Put the zero-shot class in place of ``{class}`` in the prompt.

    Raises:
        ValueError: If the prompt names another placeholder.
    """
    unknown = set(re.findall(r'\{\w*\}', prompt)) - {CLASS}
    if unknown:
        raise ValueError(
            f'prompt {prompt!r}: unknown placeholder {sorted(unknown)[0]}; '
            'the only one is {class}, the zero-shot class'
        )
    return prompt.replace(CLASS, class_name)


def image_key(prompt: str) -> str:
    """What an image text is stored under: the prompt as it was asked."""
    return prompt


def group_key(
    prompt: str,
    class_name: str,
    options: GroupOptions,
    seed: int,
    labels: str = '',
) -> str:
    """What a group text is stored under: all that decides its collage.

    Only which images there are does not count: a text stays when images come
    and go, since its collage showed images of its class.

    Args:
        prompt (str): The prompt as it was asked.
        class_name (str): Class of the group.
        options (GroupOptions): Layout and drawing.
        seed (int): Seed of the drawing.
        labels (str): Where the zero-shot labels come from (a hash of the
            CLIP and of the classes' texts): other labels make other groups.
    """
    group: dict = {
        'class': class_name,
        'size': options.size,
        'grid': options.grid,
        'canvas': options.canvas_size,
        'gap': options.gap,
        'seed': seed,
        'labels': labels,
    }
    if options.draw == 'neighbours':
        group['neighbours'] = options.neighbours
    return f'{prompt}\n{json.dumps(group, sort_keys=True)}'
