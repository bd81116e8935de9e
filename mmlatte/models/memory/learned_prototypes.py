from collections.abc import Sequence

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmlatte.registry import MODELS

from .named_classes import NamedClasses


@MODELS.register_module()
class LearnedPrototypes(NamedClasses):
    """One prototype per class that the optimizer moves.

    The linear classifier of a self-training method, started from the class
    texts. It stands where a `PrototypeMemory` does: prediction, checkpoints
    and exports read ``prototypes`` and ``class_names`` of either.

    Args:
        class_names (Sequence[str]): The classes, C of them.
        embed_dim (int): Width D of the features.
        normalize (bool): Scale the rows to unit length whenever they are
            used. Defaults to True.

    Examples:
        >>> import torch
        >>> memory = LearnedPrototypes(['forest', 'river'], embed_dim=2)
        >>> memory.reset(torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
        >>> [round(value, 4) for value in memory.prototypes[0].tolist()]
        [0.6, 0.8]
        >>> memory.weight.requires_grad
        True
    """

    def __init__(
        self,
        class_names: Sequence[str],
        embed_dim: int,
        normalize: bool = True,
    ) -> None:
        super().__init__(class_names)
        self.normalize = normalize
        self.weight = nn.Parameter(
            torch.zeros(len(self.class_names), embed_dim)
        )

    @property
    def prototypes(self) -> Tensor:
        """Tensor: (C, D), with gradient."""
        if self.normalize:
            return F.normalize(self.weight, dim=1)
        return self.weight

    @torch.no_grad()
    def reset(self, features: Tensor) -> None:
        """Set the prototypes.

        Args:
            features (Tensor): Class features, (C, D).

        Raises:
            ValueError: If the shape is not (C, D).
        """
        if features.shape != self.weight.shape:
            raise ValueError(
                f'LearnedPrototypes.reset: expected features of shape '
                f'{tuple(self.weight.shape)} (classes, width), got '
                f'{tuple(features.shape)}'
            )
        self.weight.copy_(features)
        self.is_initialised = True

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        """Take over the classes of the checkpoint, whatever their number."""
        loaded = state_dict.get(prefix + 'weight')
        if loaded is not None and loaded.shape != self.weight.shape:
            self.weight = nn.Parameter(self.weight.new_zeros(loaded.shape))
        super()._load_from_state_dict(state_dict, prefix, *args)
