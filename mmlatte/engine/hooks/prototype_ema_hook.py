import hashlib

import torch
from mmengine.dist import all_gather, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.distributed.fsdp import FullyShardedDataParallel

from mmlatte.registry import HOOKS

from ..unwrapped import unwrapped


@HOOKS.register_module()
class PrototypeEMAHook(Hook):
    """Move the prototypes of `PrototypeMemory` after every optimizer step.

    With gradient accumulation the memory collects over the accumulated
    batches and moves once, with the optimizer: prototypes, pseudo-labels and
    mixing weights are those of one large batch. What differs is the
    contrastive loss, in which an image meets the texts of its own
    (global) batch only, not those of the other accumulated ones; more ranks
    give a larger batch without that difference. A step that the loss scaler of
    mixed precision skips moves the prototypes all the same: they depend on
    the forward pass only.

    Ranks compute the same prototypes from the same gathered batch. At the end
    of every epoch and before every checkpoint of `SafeCheckpointHook` this is
    checked.
    """

    # Before LoggerHook and CheckpointHook look at the model.
    priority = 'ABOVE_NORMAL'

    def before_run(self, runner: Runner) -> None:
        """Check that the model is whole on every rank.

        Raises:
            ValueError: If parameters are sharded (FSDP, DeepSpeed).
        """
        name = type(runner).__name__
        if not isinstance(runner, Runner):
            raise ValueError(
                f'{name} is not supported: it may shard the parameters, which '
                'zero-shot labels, class texts and prototypes need whole; '
                'remove runner_type and strategy (data parallel training '
                'needs a launcher only)'
            )
        if isinstance(runner.model, FullyShardedDataParallel):
            raise ValueError(
                'FullyShardedDataParallel is not supported: zero-shot labels, '
                'class texts and prototypes need the parameters whole; remove '
                'model_wrapper_cfg, or use MMDistributedDataParallel'
            )

    def before_train(self, runner: Runner) -> None:
        """Check that there is something to move.

        Raises:
            ValueError: If the model has no prototype memory.
        """
        model = unwrapped(runner.model)
        if not hasattr(model, 'memory'):
            raise ValueError(
                f'PrototypeEMAHook: {type(model).__name__} has no `memory`; '
                'remove the hook or use a model with a PrototypeMemory'
            )

    def before_train_epoch(self, runner: Runner) -> None:
        """Mark the epoch's start, unless the run resumes inside the epoch."""
        batches = len(runner.train_loop.dataloader)
        if runner.iter == runner.epoch * batches:
            unwrapped(runner.model).memory.start_epoch()

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Move the prototypes if the optimizer has just stepped."""
        # update_params has counted this iteration already.
        if runner.optim_wrapper.should_update():
            unwrapped(runner.model).memory.step()

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
