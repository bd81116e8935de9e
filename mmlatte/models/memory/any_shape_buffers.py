from torch import nn


class AnyShapeBuffers(nn.Module):
    """A module whose buffers take over the shapes of a checkpoint.

    For what depends on the data, such as a row per class or per training
    image: the model is built before it has seen them. Such buffers start
    empty or with another shape; `load_state_dict` makes them fit.

    Examples:
        >>> import torch
        >>> class Bank(AnyShapeBuffers):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.register_buffer('keys', torch.zeros(0, 2))
        >>> bank = Bank()
        >>> _ = bank.load_state_dict({'keys': torch.ones(3, 2)})
        >>> bank.keys.shape
        torch.Size([3, 2])
    """

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        for name, buffer in list(self._buffers.items()):
            loaded = state_dict.get(prefix + name)
            if (
                buffer is not None
                and loaded is not None
                and loaded.shape != buffer.shape
            ):
                self._buffers[name] = buffer.new_zeros(loaded.shape)
        super()._load_from_state_dict(state_dict, prefix, *args)
