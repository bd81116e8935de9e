"""The weight matrices of a tower that a tuning can adapt."""

from collections.abc import Sequence

from torch import nn

#: Part of the config -> towers.
TOWERS = {
    'visual': ('visual',),
    'text': ('text',),
    'both': ('visual', 'text'),
}


def check_tower(name: str, tower: str) -> None:
    """Refuse what is no part of a CLIP.

    Args:
        name (str): Of the tuning, for the message.
        tower (str): Its option.
    """
    if tower not in TOWERS:
        raise ValueError(
            f"{name}: tower must be 'visual', 'text' or 'both', got {tower!r}"
        )


def find_matrices(tower: nn.Module) -> list[str]:
    """Return the names of the parameters that are matrices of layers.

    Those of linear layers and 1x1 convolutions, and the joint input
    projection of attention.

    Args:
        tower (nn.Module): A tower of a CLIP.
    """
    found = []
    for name, module in tower.named_modules():
        if isinstance(module, nn.MultiheadAttention):
            if module.in_proj_weight is not None:
                found.append(f'{name}.in_proj_weight')
        elif isinstance(module, nn.Linear) or _is_pointwise(module):
            found.append(f'{name}.weight')
    return found


def wanted(names: list[str], endings: Sequence[str] | None) -> list[str]:
    """Those of the names that end like one of some; all if None."""
    if endings is None:
        return names
    return [name for name in names if name.endswith(tuple(endings))]


def _is_pointwise(module: nn.Module) -> bool:
    return (
        isinstance(module, nn.Conv2d)
        and module.kernel_size == (1, 1)
        and module.groups == 1
    )
