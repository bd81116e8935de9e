"""What stands for all that decides the zero-shot labels."""

import hashlib
import json
from collections.abc import Sequence

from mmlatte.models.class_texts import texts_of_classes

__all__ = ['labels_fingerprint']


def labels_fingerprint(
    clip: str,
    class_names: Sequence[str],
    templates: Sequence[str],
    descriptions: str | dict[str, Sequence[str]] | None,
    prompt_names: dict[str, Sequence[str]] | None = None,
) -> str:
    """Hash the frozen CLIP and the texts that stand for the classes.

    What was asked counts, not the labels: other hardware may round a few of
    them another way, and that must not cost new texts. Nor must another order
    of the classes.

    Args:
        clip (str): Fingerprint of the CLIP before training.
        class_names (Sequence[str]): See `PrototypeClassifier`.
        templates (Sequence[str]): See `PrototypeClassifier`.
        descriptions (str | dict, optional): See `PrototypeClassifier`.
        prompt_names (dict, optional): See `PrototypeClassifier`.

    Returns:
        str: 32 hexadecimal digits.
    """
    texts = texts_of_classes(
        class_names, templates, descriptions, prompt_names
    )
    pairs = sorted(zip(class_names, texts, strict=True))
    content = json.dumps([clip, pairs])
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()
