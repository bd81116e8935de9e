"""RandAugment that finds its operations from any default scope."""

from mmengine.registry import DefaultScope
from mmpretrain.datasets.transforms import RandAugment as RandAugmentBase

from mmlatte.registry import TRANSFORMS

__all__ = ['RandAugment']


@TRANSFORMS.register_module()
class RandAugment(RandAugmentBase):
    """MMPretrain's RandAugment, built in MMPretrain's own scope.

    Its policies name their operations without a scope (``AutoContrast``), so
    the original can be built only where the default scope is ``mmpretrain``.

    Args:
        *args, **kwargs: Those of :class:`mmpretrain.datasets.RandAugment`.
    """

    def __init__(self, *args, **kwargs) -> None:
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            super().__init__(*args, **kwargs)
