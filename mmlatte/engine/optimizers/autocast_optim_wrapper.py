from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper

from mmlatte.registry import OPTIM_WRAPPERS

DTYPES = ('float16', 'bfloat16', 'float32')


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Mixed precision on any device (mmengine's wrapper refuses CPUs).

    float16 comes with dynamic loss scaling, bfloat16 needs none.

    Args:
        dtype (str, optional): ``'float16'`` (GPU only), ``'bfloat16'``, or
            ``'float32'`` for full precision. Defaults to None: float16 on a
            GPU, full precision on a CPU, where half precision is slow.
        **kwargs: Arguments of ``OptimWrapper``.

    Raises:
        ValueError: If the device cannot train in ``dtype``.
    """

    def __init__(self, dtype: str | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.device_type = torch.device(get_device()).type
        if dtype is None and self.device_type == 'cpu':
            print_log(
                'AutocastOptimWrapper: full precision on this CPU; '
                "dtype='bfloat16' switches mixed precision on.",
                'current',
            )
            dtype = 'float32'
        dtype = dtype or 'float16'
        if dtype not in DTYPES:
            raise ValueError(f'dtype must be one of {DTYPES}, got {dtype!r}')
        if dtype == 'float16' and self.device_type == 'cpu':
            raise ValueError(
                "dtype='float16' trains on GPUs only; use 'bfloat16' on a CPU"
            )
        self.dtype = getattr(torch, dtype)
        self.scaler = torch.amp.GradScaler(
            self.device_type, enabled=dtype == 'float16'
        )

    @contextmanager
    def optim_context(self, model: torch.nn.Module) -> Iterator[None]:
        """Run the forward pass in mixed precision."""
        autocast = torch.autocast(
            self.device_type,
            dtype=self.dtype,
            enabled=self.dtype != torch.float32,
        )
        with super().optim_context(model), autocast:
            yield

    def backward(self, loss: torch.Tensor, **kwargs) -> None:
        """Propagate the scaled loss."""
        super().backward(self.scaler.scale(loss), **kwargs)

    def step(self, **kwargs) -> None:
        """Update the parameters, unless the scaled gradients overflowed."""
        if self.clip_grad_kwargs:
            self.scaler.unscale_(self.optimizer)
            self._clip_grad()
        self.scaler.step(self.optimizer, **kwargs)
        self.scaler.update()

    def state_dict(self) -> dict:
        """Return the state of optimizer and loss scale."""
        return {**super().state_dict(), 'scaler': self.scaler.state_dict()}

    def load_state_dict(self, state_dict: dict) -> None:
        """Load the state of optimizer and loss scale."""
        state_dict = dict(state_dict)
        scaler = state_dict.pop('scaler', {})
        if scaler and self.scaler.is_enabled():
            self.scaler.load_state_dict(scaler)
        super().load_state_dict(state_dict)
