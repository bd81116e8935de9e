from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmlatte.registry import MODEL_WRAPPERS

__all__ = ['DistributedMethod']


@MODEL_WRAPPERS.register_module()
class DistributedMethod(MMDistributedDataParallel):
    """Data parallel training of a method that has something to do per step.

    mmengine's wrapper takes the place of the model's own ``train_step``. This
    one ends the step as `Method.train_step` does.

    Args:
        module (nn.Module): A `PrototypeClassifier`.
        broadcast_buffers (bool): Copy the buffers of rank 0 before every
            step. Defaults to False: ranks compute the same ones.
        **kwargs: See ``MMDistributedDataParallel``.
    """

    def __init__(
        self, module: nn.Module, broadcast_buffers: bool = False, **kwargs
    ) -> None:
        super().__init__(
            module=module, broadcast_buffers=broadcast_buffers, **kwargs
        )

    def train_step(
        self, data: dict | tuple | list, optim_wrapper: OptimWrapper
    ) -> dict[str, Tensor]:
        """Train a batch, and end the step of the optimizer if it is one."""
        logged = super().train_step(data, optim_wrapper)
        if optim_wrapper.should_update():
            self.module.end_step()
        return logged
