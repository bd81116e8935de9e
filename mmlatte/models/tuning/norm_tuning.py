from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmlatte.registry import MODELS

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
        **kwargs: See `Tuning`.
    """

    def __init__(self, tower: str = 'visual', **kwargs) -> None:
        check_tower('NormTuning', tower)
        super().__init__(**kwargs)
        self.tower = tower

    def prepare(self, clip: nn.Module) -> None:
        """Let the normalisation layers train."""
        kinds = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, _BatchNorm)
        for tower in TOWERS[self.tower]:
            for module in getattr(clip, tower).modules():
                # timm and transformers have RMS norms of their own.
                own = type(module).__name__.endswith(('Norm', 'Norm2d'))
                if isinstance(module, kinds) or own:
                    for parameter in module.parameters(recurse=False):
                        parameter.requires_grad_(True)
