"""An answer as a file has it, before images and classes are looked up."""

from dataclasses import dataclass
from typing import Literal

__all__ = ['RawAnswer']


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer of a file.

    Args:
        where (str): File and line.
        image (str): The image, as the file names it.
        class_name (str): The class, as the file names it.
        confidence (object): As in the file; None or '' if it has none.
        annotator (str): '' if the file names none.
        when (str): '' if the file has no time.
        form (str): What ``image`` is: a path or its end, a path without its
            suffix, or the name of an upload.
        folder (bool): Whether ``class_name`` is the name of a folder.
    """

    where: str
    image: str
    class_name: str
    confidence: object = None
    annotator: str = ''
    when: str = ''
    form: Literal['path', 'stem', 'upload'] = 'path'
    folder: bool = False
