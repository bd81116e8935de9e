from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlatte.fits import add_rows
from mmlatte.registry import MODELS

from .named_classes import NamedClasses


def blend_with_prototypes(
    mixed: Tensor, prototypes: Tensor, labels: Tensor, momentum: float
) -> Tensor:
    r"""Move each sample's prototype a little towards its mixed text.

    .. math:: v_i = m_{y_i} + \alpha (t_i - m_{y_i})

    Args:
        mixed (Tensor): Mixed text features ``t``, (B, D).
        prototypes (Tensor): Unit prototypes ``m``, (C, D), constants.
        labels (Tensor): Pseudo-labels ``y``, (B,).
        momentum (float): ``alpha``, the weight of the new value.

    Returns:
        Tensor: ``v``, (B, D), not normalised (as published).
    """
    old = prototypes[labels]
    return old + momentum * (mixed - old)


def update_prototypes(
    prototypes: Tensor, sums: Tensor, counts: Tensor
) -> Tensor:
    r"""Replace the prototypes of the classes that occurred in the batch.

    .. math:: m_c = \mathrm{normalize}(\mathrm{mean}_{i: y_i = c}\, v_i)

    Args:
        prototypes (Tensor): Current prototypes, (C, D).
        sums (Tensor): Sum of ``v`` per class, (C, D).
        counts (Tensor): Number of samples per class, (C,).

    Returns:
        Tensor: New prototypes, (C, D); classes with count 0 keep theirs.
    """
    present = counts > 0
    means = sums / counts.clamp(min=1).unsqueeze(1)
    return torch.where(
        present.unsqueeze(1), F.normalize(means, dim=1), prototypes
    )


@MODELS.register_module()
class PrototypeMemory(NamedClasses):
    """One momentum prototype per class, moved by texts and not by gradient.

    The prototypes and the class names live in the state dict, so that a
    checkpoint alone can predict. Loading a checkpoint takes over its classes.

    Args:
        class_names (Sequence[str]): The classes, C of them.
        embed_dim (int): Width D of the features.
        momentum (float): ``alpha`` of the paper's update in mmengine's sense,
            ``new = (1 - momentum) * old + momentum * text``. Defaults to 0.01.
        keep_epoch_start (bool): Also keep the prototypes of the epoch's start
            (for ``DynamicFeatureMixer(stale=True)``). Defaults to False.

    Raises:
        ValueError: If there is no class, a name occurs twice or is empty,
            or ``momentum`` is outside (0, 1].

    Examples:
        >>> import torch
        >>> memory = PrototypeMemory(['forest', 'river'], embed_dim=2)
        >>> memory.reset(torch.eye(2))
        >>> v = memory.blend(torch.tensor([[0.0, 1.0]]), torch.tensor([0]))
        >>> memory.collect(v, torch.tensor([0]))
        >>> memory.step()
        >>> [round(value, 4) for value in memory.prototypes[0].tolist()]
        [0.9999, 0.0101]
    """

    prototypes: Tensor
    epoch_start: Tensor

    def __init__(
        self,
        class_names: Sequence[str],
        embed_dim: int,
        momentum: float = 0.01,
        keep_epoch_start: bool = False,
    ) -> None:
        super().__init__(class_names)
        if not 0 < momentum <= 1:
            raise ValueError(
                f'PrototypeMemory: momentum must be in (0, 1], got {momentum}'
                " (it weighs the new value: the paper's alpha, 0.01)"
            )
        self.momentum = momentum
        self.keep_epoch_start = keep_epoch_start
        shape = (len(self.class_names), embed_dim)
        self.register_buffer('prototypes', torch.zeros(shape))
        if keep_epoch_start:
            self.register_buffer('epoch_start', torch.zeros(shape))
        self._sums: Tensor | None = None
        self._counts: Tensor | None = None

    @property
    def pending(self) -> bool:
        """bool: Whether collected samples wait for `step`."""
        return self._sums is not None

    @torch.no_grad()
    def reset(self, features: Tensor) -> None:
        """Set the prototypes and forget what was collected.

        Args:
            features (Tensor): Unit class features, (C, D).

        Raises:
            ValueError: If the shape is not (C, D).
        """
        if features.shape != self.prototypes.shape:
            raise ValueError(
                f'PrototypeMemory.reset: expected features of shape '
                f'{tuple(self.prototypes.shape)} (classes, width), got '
                f'{tuple(features.shape)}'
            )
        self.prototypes.copy_(features)
        self._sums = self._counts = None
        self.is_initialised = True
        self.start_epoch()

    @torch.no_grad()
    def start_epoch(self) -> None:
        """Remember the current prototypes as those of the epoch's start."""
        if self.keep_epoch_start:
            self.epoch_start.copy_(self.prototypes)

    def blend(self, mixed: Tensor, labels: Tensor) -> Tensor:
        """Blend mixed texts (B, D) into the prototypes of ``labels`` (B,).

        See `blend_with_prototypes`.
        """
        return blend_with_prototypes(
            mixed, self.prototypes, labels, self.momentum
        )

    @torch.no_grad()
    def collect(
        self, blended: Tensor, labels: Tensor, valid: Tensor | None = None
    ) -> None:
        """Collect blended features of the *global* batch for the next `step`.

        Several calls add up (label sources, gradient accumulation).

        Args:
            blended (Tensor): ``v`` of all ranks, (B, D).
            labels (Tensor): Pseudo-labels of all ranks, (B,).
            valid (Tensor, optional): False for samples that only pad the
                batch, (B,).
        """
        if self._sums is None or self._counts is None:
            self._sums = torch.zeros_like(self.prototypes)
            self._counts = self.prototypes.new_zeros(len(self.prototypes))
        counted = torch.ones_like(labels) if valid is None else valid
        counted = counted.to(self._counts.dtype)
        blended = blended.detach().to(self._sums.dtype)
        add_rows(self._sums, labels, blended * counted.unsqueeze(1))
        add_rows(self._counts, labels, counted)

    @torch.no_grad()
    def step(self) -> None:
        """Apply the collected samples, see `update_prototypes`."""
        if self._sums is None or self._counts is None:
            return
        self.prototypes.copy_(
            update_prototypes(self.prototypes, self._sums, self._counts)
        )
        self._sums = self._counts = None
