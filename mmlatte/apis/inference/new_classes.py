"""Classes that a model was not trained on."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlatte.models.class_texts import (
    check_class_texts,
    check_templates,
    texts_of_classes,
)
from mmlatte.models.classifiers import PrototypeClassifier
from mmlatte.models.memory import PrototypeMemory
from mmlatte.registry import MODELS

__all__ = ['choose_classes', 'class_prototypes']


@torch.no_grad()
def class_prototypes(
    model: PrototypeClassifier,
    names: Sequence[str],
    template: str,
    synonyms: Mapping[str, Sequence[str]] | None = None,
    descriptions: Mapping[str, Sequence[str]] | None = None,
) -> Tensor:
    """Return the prototypes of classes from their texts.

    Args:
        model (PrototypeClassifier): Its text tower is used.
        names (Sequence[str]): Of the K classes.
        template (str): Prompt template.
        synonyms (Mapping[str, Sequence[str]], optional): Further names.
        descriptions (Mapping[str, Sequence[str]], optional): Sentences about
            all of them, in the place of their names.

    Returns:
        Tensor: Unit rows, (K, D).

    Raises:
        ValueError: If CLIP cannot tell two of them apart.
    """
    called = {name: [name, *own] for name, own in (synonyms or {}).items()}
    texts = texts_of_classes(names, [template], descriptions, called)
    check_class_texts(model.clip.tokenizer, names, texts)
    means = [model.clip.encode_texts(own).mean(dim=0) for own in texts]
    return F.normalize(torch.stack(means), dim=1).to(model.memory.prototypes)


def choose_classes(
    model: PrototypeClassifier,
    own: PrototypeMemory,
    classes: Sequence[str],
    template: str | None = None,
    synonyms: Mapping[str, Sequence[str]] | None = None,
    descriptions: Mapping[str, Sequence[str]] | None = None,
) -> tuple[PrototypeMemory, list[str]]:
    """Return prototypes of some classes, known and new; see `Inferencer`.

    Args:
        model (PrototypeClassifier): Has some of the prototypes.
        own (PrototypeMemory): Has those of the classes that it was made with.
        classes (Sequence[str]): Class names, K of them.
        template (str, optional): Of the new classes. Defaults to the model's
            first.
        synonyms (Mapping, optional): Further names of new classes.
        descriptions (Mapping, optional): Sentences about new classes, in the
            place of their names.

    Returns:
        tuple[PrototypeMemory, list[str]]: Of the K classes; and the new ones.

    Raises:
        ValueError: See `Inferencer.set_classes`.
    """
    if not model.uses_prototypes_only:
        raise ValueError(
            f'{type(model).__name__} does not predict by prototypes: '
            'its classes are those it was fitted to'
        )
    if descriptions and template is not None:
        raise ValueError(
            f'template={template!r}: the class file describes its classes, '
            'and these texts are taken; leave one of them out'
        )
    if template is None:
        template = model.templates[0]
    check_templates(template)
    rows = model.memory.prototypes
    known: dict[str, Tensor] = {}
    for memory in (model.memory, own):
        prototypes = memory.prototypes.to(rows)
        known.update(zip(memory.class_names, prototypes, strict=True))
    new = [name for name in classes if name not in known]
    if new and not model.open_vocabulary:
        raise ValueError(
            f'{type(model).__name__} was fitted to images of its '
            f'classes, and class texts are no match for them: {new} '
            'cannot be added'
        )
    if new:
        about = {n: descriptions[n] for n in new} if descriptions else None
        made = class_prototypes(model, new, template, synonyms, about)
        known.update(zip(new, made, strict=True))
    built = MODELS.build(
        dict(
            type='mmlatte.PrototypeMemory',
            class_names=list(classes),
            embed_dim=rows.shape[1],
        )
    ).to(rows.device)
    built.reset(torch.stack([known[name] for name in classes]))
    return built, new
