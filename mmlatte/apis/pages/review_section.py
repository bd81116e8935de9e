from dataclasses import dataclass, field

__all__ = ['ReviewSection']


@dataclass
class ReviewSection:
    """Images for a person to look at, for one reason.

    Args:
        title (str): Heading.
        about (str): What they are.
        images (list[tuple[str, str, list[str]]]): Id, file and lines of text
            of each, the most urgent first.
    """

    title: str
    about: str
    images: list[tuple[str, str, list[str]]] = field(default_factory=list)
