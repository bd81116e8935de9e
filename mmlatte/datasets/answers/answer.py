"""One answer about one image, and the answers that are no class."""

from dataclasses import dataclass, field

__all__ = ['LMM_SOURCE', 'NONE', 'SKIP', 'WITHDRAWN', 'Answer']

# In brackets: 'none' and 'skip' may be classes.
#: The image shows none of the classes.
NONE = '(none of these)'
#: The annotator was unsure; another image should be asked about.
SKIP = '(skip)'
#: In a growing file: takes the annotator's answer back.
WITHDRAWN = '(withdrawn)'
#: Begins the names of annotators that are LMMs.
LMM_SOURCE = 'lmm:'


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of one annotator about one image.

    Args:
        image (str): Id of the sample: path relative to the data root, ``/``
            on every system.
        class_name (str): A class, ``NONE`` or ``SKIP``.
        confidence (float): From 0 to 1. Defaults to 1.
        source (str): Who answered, such as ``'person'``, ``'lmm:name'`` or
            ``'labels.csv'``.
        when (str): Time as ISO 8601, '' if it is not known.
        where (str): File and line, for messages; not compared.
    """

    image: str
    class_name: str
    confidence: float = 1.0
    source: str = 'person'
    when: str = ''
    where: str = field(default='', compare=False)

    def __post_init__(self) -> None:
        if not self.image or not self.class_name or not self.source:
            raise ValueError(
                f'an answer needs image, class_name and source: {self}'
            )
        if self.class_name == WITHDRAWN:
            raise ValueError(f'{WITHDRAWN} is no answer: {self}')
        if not 0 <= self.confidence <= 1:
            raise ValueError(f'confidence is not from 0 to 1: {self}')
