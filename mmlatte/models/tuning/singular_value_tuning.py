from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from mmlatte.registry import MODELS

from .matrices import TOWERS, check_tower, find_matrices, wanted
from .tuning import Tuning

#: Between the name of a layer and that of its weight, in a state dict.
INSIDE = '.parametrizations.'


@MODELS.register_module()
class SingularValueTuning(Tuning):
    r"""Train the singular values of the weight matrices (CLIP-SVD).

    From `CLIP-SVD <https://arxiv.org/abs/2509.03740>`_: every matrix
    :math:`W = U S V^T` keeps its singular vectors, and 0.04 % of the
    parameters train. Written as a change of the values,

    .. math:: W' = W + U\,\mathrm{diag}(\delta)\,V^T, \qquad \delta = 0,

    so that training starts with the very bits of the pretrained weights.
    Adapted are linear layers, 1x1 convolutions and, each for itself, the
    query, key and value projections of attention. The singular vectors are
    part of a checkpoint, which is three times that of the CLIP for it.

    Args:
        tower (str): ``'visual'``, ``'text'`` or ``'both'``. Defaults to
            ``'both'``, as published.
        targets (Sequence[str], optional): Adapt only matrices whose name
            ends like one of these, e.g. ``('mlp.c_fc.weight',)``.
        **kwargs: See `Tuning`.
    """

    def __init__(
        self,
        tower: str = 'both',
        targets: Sequence[str] | None = None,
        **kwargs,
    ) -> None:
        check_tower(type(self).__name__, tower)
        super().__init__(**kwargs)
        self.tower = tower
        self.targets = None if targets is None else tuple(targets)

    def prepare(self, clip: nn.Module) -> None:
        """Decompose the matrices."""
        for name in TOWERS[self.tower]:
            tower = getattr(clip, name)
            found = wanted(find_matrices(tower), self.targets)
            if not found:
                raise ValueError(
                    f'SingularValueTuning: no matrix of the {name} tower of '
                    f'{clip.model_name} matches targets={self.targets}'
                )
            for path in found:
                layer, _, weight = path.rpartition('.')
                module = tower.get_submodule(layer)
                parts = 3 if weight == 'in_proj_weight' else 1
                parametrize.register_parametrization(
                    module,
                    weight,
                    _SingularValues(getattr(module, weight), parts),
                    unsafe=True,  # it need not compute the weight once more
                )

    def plain_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Fold the changes into the matrices, see `Tuning.plain_state`."""
        plain = {}
        for name, value in state.items():
            layer, inside, rest = name.partition(INSIDE)
            if not inside:
                plain[name] = value
            elif rest.endswith('.original'):
                stem = name.removesuffix('original') + '0'
                delta = state[f'{stem}.delta']
                if delta.any():
                    value = value + _update(
                        state[f'{stem}.left'], delta, state[f'{stem}.right']
                    ).view_as(value)
                plain[f'{layer}.{rest.removesuffix(".original")}'] = value
        return plain


class _SingularValues(nn.Module):
    """Adds ``U diag(delta) V^T`` to a matrix, or to equal parts of one.

    Args:
        weight (Tensor): (O, I, ...), flattened to (O, I).
        parts (int): In how many parts the rows are decomposed.
    """

    def __init__(self, weight: Tensor, parts: int) -> None:
        super().__init__()
        matrix = weight.detach().flatten(1)
        blocks = matrix.unflatten(0, (parts, -1)).float()
        left, values, right = torch.linalg.svd(blocks, full_matrices=False)
        self.register_buffer('left', left.to(weight))
        self.register_buffer('right', right.to(weight))
        # A vector, which weight decay leaves alone.
        self.delta = nn.Parameter(torch.zeros(values.numel()).to(weight))

    def forward(self, weight: Tensor) -> Tensor:
        """Return the changed weight."""
        update = _update(self.left, self.delta, self.right)
        return weight + update.view_as(weight)


def _update(left: Tensor, delta: Tensor, right: Tensor) -> Tensor:
    """``U diag(delta) V^T`` of P parts: (P, O/P, R), (P R), (P, R, I)."""
    values = delta.view(len(left), 1, -1)
    return ((left * values) @ right).flatten(0, 1)
