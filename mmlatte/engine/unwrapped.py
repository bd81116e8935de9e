from mmengine.model import is_model_wrapper
from torch import nn


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model itself, without the wrapper of distributed training."""
    return model.module if is_model_wrapper(model) else model
