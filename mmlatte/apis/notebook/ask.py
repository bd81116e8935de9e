"""Which images of a folder to ask about."""

from collections.abc import Sequence

from .asked_image import AskedImage
from .asked_images import AskedImages
from .open_asking import GivenBy, open_asking

__all__ = ['ask']


def ask(
    images: str,
    classes: str | Sequence[str],
    count: int = 24,
    answers: GivenBy | None = None,
    out: str = 'work_dirs/adapted',
    new_classes: bool = False,
    **choices,
) -> AskedImages:
    """Choose images of a folder to ask a person about.

    This is ``tools/adapt.py --ask`` for notebooks and scripts: the same
    questions, and the same folder of results, so that one goes on where the
    other stopped.

    Args:
        images (str): Folder, or list, of the images.
        classes (str | Sequence[str]): Class names, or a file of them, see
            `read_class_list`.
        count (int): Questions; fewer come back where fewer are left.
        answers (GivenBy, optional): See `fit`. Added to those of before.
        out (str): Folder of the results; keeps features and answers.
        new_classes (bool): Whether names of no class are new classes.
        **choices: See `AdaptOptions`, such as ``describe`` and ``clip``.

    Returns:
        AskedImages: In a notebook, they are shown.

    Raises:
        ValueError: If ``count`` is not positive, or a choice makes no sense.
        AnswersError: If anything is wrong with the answers.
    """
    if count < 1:
        raise ValueError(f'count={count}: ask one question or more')
    asking = open_asking(images, classes, out, answers, new_classes, choices)
    return AskedImages(
        [
            AskedImage(
                question.id,
                question.share,
                [asking.classes[label] for label in question.likely],
                question.index,
                question.neighbours,
                asking.load,
            )
            for question in asking.questions(count)
        ]
    )
