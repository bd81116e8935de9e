from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmlatte.registry import MODELS

from .block_tuning import find_blocks, parameters_after
from .matrices import TOWERS, check_tower
from .tuning import Tuning


@MODELS.register_module()
class NormTuning(Tuning):
    """Train scale and shift of the normalisation layers only.

    With the image tower alone, the default, features of texts are computed
    once per text and kept.

    Args:
        tower (str): ``'visual'``, ``'text'`` or ``'both'``. Defaults to
            ``'visual'``.
        blocks (int, optional): Only those of the last blocks, and behind
            them. Defaults to all.
        **kwargs: See `Tuning`.
    """

    def __init__(
        self, tower: str = 'visual', blocks: int | None = None, **kwargs
    ) -> None:
        check_tower('NormTuning', tower)
        if blocks is not None and blocks < 0:
            raise ValueError(
                f'NormTuning: blocks={blocks}: 0 or more, or None for all'
            )
        super().__init__(**kwargs)
        self.tower = tower
        self.blocks = blocks

    def prepare(self, clip: nn.Module) -> None:
        """Let the normalisation layers train."""
        kinds = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, _BatchNorm)
        for name in TOWERS[self.tower]:
            tower = getattr(clip, name)
            last = None if self.blocks is None else self._last(clip, name)
            for module in tower.modules():
                # timm and transformers have RMS norms of their own.
                own = type(module).__name__.endswith(('Norm', 'Norm2d'))
                if isinstance(module, kinds) or own:
                    for parameter in module.parameters(recurse=False):
                        if last is None or parameter in last:
                            parameter.requires_grad_(True)

    def _last(self, clip: nn.Module, name: str) -> set[nn.Parameter]:
        """Parameters of the last blocks of a tower, and behind them."""
        tower = getattr(clip, name)
        path, blocks = find_blocks(tower, 'NormTuning')
        if self.blocks > len(blocks):
            raise ValueError(
                f'NormTuning: blocks={self.blocks}, but the {name} tower of '
                f'{clip.model_name} has {len(blocks)} blocks'
            )
        last = blocks[len(blocks) - self.blocks :]
        inside = (p for block in last for p in block.parameters())
        return {*inside, *parameters_after(tower, path)}
