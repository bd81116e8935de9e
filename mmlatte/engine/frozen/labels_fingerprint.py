"""What stands for all that decides the zero-shot labels."""

import hashlib
import json

from mmlatte.models.class_descriptions import read_descriptions


def labels_fingerprint(model, clip: str) -> str:
    """Hash the frozen CLIP and the texts that stand for the classes.

    What was asked counts, not the labels: other hardware may round a few of
    them another way, and that must not cost new texts. Nor must another order
    of the classes.

    Args:
        model (PrototypeClassifier): Has the classes and their texts.
        clip (str): Fingerprint of its CLIP before training.

    Returns:
        str: 32 hexadecimal digits.
    """
    names = model.class_names
    if model.descriptions is not None:
        texts = read_descriptions(model.descriptions, names)
    else:
        texts = [[t.format(name) for t in model.templates] for name in names]
    content = json.dumps([clip, sorted(zip(names, texts, strict=True))])
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()
