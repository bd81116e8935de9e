"""Collages: several images of one group on one canvas."""

from collections.abc import Sequence

from PIL import Image

from .prompts import GroupOptions

__all__ = ['make_collage']


def make_collage(
    images: Sequence[Image.Image], options: GroupOptions
) -> Image.Image:
    """Lay images out on a black canvas, row by row.

    Every image is resized to fit its cell (Lanczos, aspect preserved) and
    centred in it.

    Args:
        images (Sequence[Image.Image]): At most as many as there are cells.
        options (GroupOptions): Grid, canvas and gap.

    Returns:
        Image.Image: RGB, of the size of the canvas.

    Examples:
        >>> red = Image.new('RGB', (64, 64), 'red')
        >>> make_collage([red] * 4, GroupOptions()).size
        (672, 672)
    """
    columns, rows = options.grid
    if not 1 <= len(images) <= columns * rows:
        raise ValueError(
            f'{len(images)} images for a grid of {columns} x {rows} cells'
        )
    width, height = options.cell
    canvas = Image.new('RGB', options.canvas_size)
    for position, image in enumerate(images):
        row, column = divmod(position, columns)
        scale = min(width / image.width, height / image.height)
        size = (
            max(1, min(width, int(image.width * scale))),
            max(1, min(height, int(image.height * scale))),
        )
        resized = image.convert('RGB').resize(size, Image.Resampling.LANCZOS)
        left = column * (width + options.gap) + (width - size[0]) // 2
        top = row * (height + options.gap) + (height - size[1]) // 2
        canvas.paste(resized, (left, top))
    return canvas
