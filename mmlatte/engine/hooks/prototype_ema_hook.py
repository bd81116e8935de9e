import hashlib

import torch
from mmengine.dist import all_gather, get_world_size, is_distributed
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlatte.models.memory import PrototypeMemory
from mmlatte.registry import HOOKS

from ..distributed_method import DistributedMethod
from ..epoch_start import mark_epoch_start
from ..method_of import method_of
from ..unwrapped import unwrapped


@HOOKS.register_module()
class PrototypeEMAHook(Hook):
    """Check that all ranks hold the same prototypes.

    The method moves them itself, after every step of the optimizer
    (`Method.end_step`); ranks compute the same prototypes from the same
    gathered batch. At the end of every epoch and before every checkpoint of
    `SafeCheckpointHook` this is checked, and before the run that training
    neither shards the parameters nor leaves ``end_step`` out.
    """

    # Before LoggerHook and CheckpointHook read the model.
    priority = 'ABOVE_NORMAL'

    def before_run(self, runner: Runner) -> None:
        """Check that the model is whole on every rank.

        Raises:
            ValueError: If parameters are sharded (FSDP, DeepSpeed), or
                another wrapper would not move the prototypes.
        """
        name = type(runner).__name__
        if not isinstance(runner, Runner):
            raise ValueError(
                f'{name} is not supported: it may shard the parameters, which '
                'zero-shot labels, class texts and prototypes need whole; '
                'remove runner_type and strategy (data parallel training '
                'needs a launcher only)'
            )
        if is_distributed() and not isinstance(
            runner.model, DistributedMethod
        ):
            raise ValueError(
                f'{type(runner.model).__name__} is not supported: it may '
                'shard the parameters, and does not move the prototypes; set '
                "model_wrapper_cfg=dict(type='mmlatte.DistributedMethod')"
            )

    def before_train(self, runner: Runner) -> None:
        """Check that there is something to move.

        Raises:
            ValueError: If the model has no prototype memory.
        """
        model = method_of(runner, 'PrototypeEMAHook')
        if not isinstance(model.memory, PrototypeMemory):
            raise ValueError(
                f'PrototypeEMAHook: {type(model).__name__} has a '
                f'{type(model.memory).__name__}; remove the hook or use a '
                'model with a PrototypeMemory'
            )

    def before_train_epoch(self, runner: Runner) -> None:
        """Mark the epoch's start."""
        mark_epoch_start(runner, method_of(runner, 'PrototypeEMAHook'))

    def after_train_epoch(self, runner: Runner) -> None:
        """Check that all ranks agree."""
        self.before_checkpoint(runner)

    def before_checkpoint(self, runner: Runner) -> None:
        """Check that all ranks hold the same bits.

        Called on every rank by `SafeCheckpointHook`.

        Raises:
            RuntimeError: If prototypes differ between ranks.
        """
        if get_world_size() == 1:
            return
        prototypes = unwrapped(runner.model).memory.prototypes
        data = prototypes.detach().cpu().contiguous().numpy().tobytes()
        digest = bytearray(hashlib.sha256(data).digest())
        digests = all_gather(torch.frombuffer(digest, dtype=torch.uint8))
        others = [
            rank
            for rank, other in enumerate(digests)
            if not torch.equal(other, digests[0])
        ]
        if others:
            raise RuntimeError(
                f'prototypes differ between rank 0 and ranks {others} at '
                f'iteration {runner.iter}: ranks have trained apart since. '
                'Look for code that changes the model or the prototypes on '
                'some ranks only, and resume from an earlier checkpoint'
            )
