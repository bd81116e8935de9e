"""Classes that a model was not trained on."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlatte.models.class_texts import check_class_texts, texts_of_classes
from mmlatte.models.classifiers import PrototypeClassifier

__all__ = ['class_prototypes']


@torch.no_grad()
def class_prototypes(
    model: PrototypeClassifier,
    names: Sequence[str],
    template: str,
    synonyms: Mapping[str, Sequence[str]] | None = None,
) -> Tensor:
    """Return the prototypes of classes from their texts.

    Args:
        model (PrototypeClassifier): Its text tower is used.
        names (Sequence[str]): Of the K classes.
        template (str): Prompt template.
        synonyms (Mapping[str, Sequence[str]], optional): Further names.

    Returns:
        Tensor: Unit rows, (K, D).

    Raises:
        ValueError: If CLIP cannot tell two of them apart.
    """
    texts = texts_of_classes(names, [template], None, synonyms)
    check_class_texts(model.clip.tokenizer, names, texts)
    means = [model.clip.encode_texts(own).mean(dim=0) for own in texts]
    return F.normalize(torch.stack(means), dim=1).to(model.memory.prototypes)
