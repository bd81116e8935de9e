from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from .any_shape_buffers import AnyShapeBuffers


class NamedClasses(AnyShapeBuffers):
    """What holds a row per class, and the class names in the state dict.

    Loading a checkpoint takes over its classes. mmengine's checkpoints keep
    parameters and buffers only (no extra state): the names are a buffer.

    Args:
        class_names (Sequence[str]): The classes, C of them.

    Raises:
        ValueError: If there is no class, or a name occurs twice or is empty.
    """

    class_name_bytes: Tensor

    def __init__(self, class_names: Sequence[str]) -> None:
        super().__init__()
        names = list(class_names)
        self._check(names)
        self.register_buffer('class_name_bytes', _encode(names))
        #: False until the rows were set, or loaded from a checkpoint.
        self.is_initialised = False
        self._names: list[str] | None = None  # decoded, for speed

    @property
    def class_names(self) -> list[str]:
        """list[str]: The classes, in the order of the rows."""
        if self._names is None:
            self._names = _decode(self.class_name_bytes)
        return self._names

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args)
        self._names = None
        if prefix + 'class_name_bytes' in state_dict:
            self.is_initialised = True

    def _check(self, names: list[str]) -> None:
        kind = type(self).__name__
        if not names:
            raise ValueError(f'{kind}: class_names is empty')
        for name in names:
            if not isinstance(name, str) or not name.strip() or '\n' in name:
                raise ValueError(
                    f'{kind}: {name!r} is no class name; every name must be '
                    'a non-empty text on one line'
                )
        for name, count in Counter(names).items():
            if count > 1:
                raise ValueError(
                    f'{kind}: class name {name!r} occurs {count} times'
                )


def _encode(names: list[str]) -> Tensor:
    """UTF-8 bytes of the names, one per line, as a uint8 tensor."""
    data = '\n'.join(names).encode()
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


def _decode(data: Tensor) -> list[str]:
    return bytes(data.tolist()).decode().split('\n')
