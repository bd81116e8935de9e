import torch
from mmengine.hooks import LoggerHook, RuntimeInfoHook
from mmengine.runner import Runner
from torch import Tensor

from mmlatte.registry import HOOKS

#: Iterations after which values are read even if nobody logs them.
MAX_PENDING = 100


@HOOKS.register_module()
class DeferredRuntimeInfoHook(RuntimeInfoHook):
    """Collect losses for the log without stopping the device at every step.

    mmengine's ``RuntimeInfoHook`` reads every logged value back after every
    iteration, and a GPU waits for the host meanwhile. Here the values stay on
    the device until ``LoggerHook`` writes a line or a checkpoint is saved;
    then all of them are read at once. The log holds the same numbers.

    Between two lines the message hub lacks the newest ``train/*`` values of
    the model; a hook that needs them gets them as ``outputs``.
    """

    def __init__(self) -> None:
        super().__init__()
        self._pending: list[dict] = []

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch=None,
        outputs: dict | None = None,
    ) -> None:
        """Keep the values of this iteration, or hand all over."""
        if outputs is not None:
            self._pending.append(
                {
                    key: value.detach() if isinstance(value, Tensor) else value
                    for key, value in outputs.items()
                }
            )
        if len(self._pending) >= MAX_PENDING or self._is_due(
            runner, batch_idx
        ):
            self.flush(runner)

    def _is_due(self, runner: Runner, batch_idx: int) -> bool:
        if self.end_of_epoch(runner.train_dataloader, batch_idx):
            return True
        return any(
            self.every_n_inner_iters(batch_idx, hook.interval)
            for hook in runner.hooks
            if isinstance(hook, LoggerHook)
        )

    def flush(self, runner: Runner) -> None:
        """Hand the values that wait to the message hub, oldest first."""
        pending, self._pending = self._pending, []
        tensors = [
            value.reshape(())
            for values in pending
            for value in values.values()
            if isinstance(value, Tensor)
        ]
        numbers = iter(_read(tensors))
        for values in pending:
            for key, value in values.items():
                if isinstance(value, Tensor):
                    value = next(numbers)
                runner.message_hub.update_scalar(f'train/{key}', value)

    def before_checkpoint(self, runner: Runner) -> None:
        """See `flush`; called by `SafeCheckpointHook`."""
        self.flush(runner)

    def after_train(self, runner: Runner) -> None:
        """Hand over what an interrupted epoch left."""
        self.flush(runner)
        super().after_train(runner)


def _read(tensors: list[Tensor]) -> list[float]:
    """Read scalars of one device back in one go."""
    if not tensors:
        return []
    # Apple's GPUs have no float64.
    wide = torch.float32 if tensors[0].device.type == 'mps' else torch.float64
    return torch.stack([tensor.to(wide) for tensor in tensors]).tolist()
