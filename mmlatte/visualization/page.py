"""Writing pages: the place is made early, the file appears as a whole."""

import base64
import io
import json
from pathlib import Path

from PIL import Image

from mmlatte.atomic_file import atomic_file

__all__ = ['json_block', 'jpeg_thumbnail', 'prepare_page', 'write_page']


def prepare_page(path: str | Path) -> Path:
    """Make the folder of a page, before the work that fills the page.

    Args:
        path (str | Path): The file to be.

    Raises:
        OSError: If the folder cannot be made, or ``path`` is a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"'{path}' is a folder; name a file in it")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write_page(path: str | Path, text: str) -> None:
    """Write a text file that is whole or not there.

    Args:
        path (str | Path): The file.
        text (str): Its content. Bytes of file names that are no UTF-8
            (surrogates) become question marks.
    """
    with atomic_file(path) as file:
        file.write(text.encode('utf-8', errors='replace'))


def jpeg_thumbnail(image: Image.Image, side: int, quality: int) -> str:
    """Return a small copy of an image as Base64 of a JPEG.

    Args:
        image (Image.Image): The image.
        side (int): Longer side of the copy in pixels.
        quality (int): Of the JPEG.
    """
    image = image.convert('RGB')
    image.thumbnail((side, side))
    buffer = io.BytesIO()
    image.save(buffer, 'JPEG', quality=quality)
    return base64.b64encode(buffer.getvalue()).decode()


def json_block(name: str, content: object) -> str:
    """Return data for a page, in an element that no browser runs; ASCII.

    Within a script element only ``<`` can end or open anything. All else than
    ASCII is escaped, also bytes of names that are no UTF-8.

    Args:
        name (str): Id of the element.
        content (object): Plain data.
    """
    data = json.dumps(content, separators=(',', ':')).replace('<', '\\u003c')
    return f'<script type="application/json" id="{name}">{data}</script>\n'
