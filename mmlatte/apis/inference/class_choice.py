from collections.abc import Sequence

import torch

from mmlatte.models.class_texts import check_templates
from mmlatte.models.classifiers import PrototypeClassifier
from mmlatte.models.memory import PrototypeMemory
from mmlatte.registry import MODELS

from .new_classes import class_prototypes


class ClassChoice:
    """Which classes an inferencer chooses from.

    Attributes:
        model (PrototypeClassifier): Whose prototypes they are.
        classes (Sequence[str]): Those to choose from now.
    """

    model: PrototypeClassifier
    classes: Sequence[str]
    _own_memory: PrototypeMemory

    def set_classes(
        self,
        classes: Sequence[str],
        template: str | None = None,
        synonyms: dict[str, list[str]] | None = None,
    ) -> list[str]:
        """Choose among these classes only, in this order.

        The classes of the model keep their prototypes, also those that an
        earlier call left out. That of a new class is the feature of its class
        text under the model's own text tower, with nothing from images.

        Args:
            classes (Sequence[str]): Class names.
            template (str, optional): Prompt template of the new classes.
                Defaults to the model's first.
            synonyms (dict[str, list[str]], optional): Further names of new
                classes, whose prototypes are the means of all their texts.

        Returns:
            list[str]: Those that are new.

        Raises:
            ValueError: If the model does not predict by prototypes, or has
                fitted them to images and a class is new, or the template has
                not ``{}`` exactly once.
        """
        if not self.model.uses_prototypes_only:
            raise ValueError(
                f'{type(self.model).__name__} does not predict by prototypes: '
                'its classes are those it was fitted to'
            )
        if template is None:
            template = self.model.templates[0]
        check_templates(template)
        rows = self.model.memory.prototypes
        known: dict[str, torch.Tensor] = {}
        for memory in (self.model.memory, self._own_memory):
            own = memory.prototypes.to(rows)
            known.update(zip(memory.class_names, own, strict=True))
        new = [name for name in classes if name not in known]
        if new and not self.model.open_vocabulary:
            raise ValueError(
                f'{type(self.model).__name__} was fitted to images of its '
                f'classes, and class texts are no match for them: {new} '
                'cannot be added'
            )
        if new:
            rows_of = class_prototypes(self.model, new, template, synonyms)
            known.update(zip(new, rows_of, strict=True))
        built = MODELS.build(
            dict(
                type='mmlatte.PrototypeMemory',
                class_names=list(classes),
                embed_dim=rows.shape[1],
            )
        ).to(rows.device)
        built.reset(torch.stack([known[name] for name in classes]))
        self.model.memory = built
        self.classes = built.class_names
        return new

    def add_classes(
        self,
        classes: Sequence[str],
        template: str | None = None,
        synonyms: dict[str, list[str]] | None = None,
    ) -> list[str]:
        """Let the model choose among these classes too; see `set_classes`."""
        known = set(self.classes)
        extra = [name for name in classes if name not in known]
        return self.set_classes([*self.classes, *extra], template, synonyms)
