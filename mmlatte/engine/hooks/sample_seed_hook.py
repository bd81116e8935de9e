import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlatte.datasets.transforms import SeedPerSample
from mmlatte.datasets.transforms.transforms_of import transforms_of
from mmlatte.registry import HOOKS


@HOOKS.register_module()
class SampleSeedHook(Hook):
    """Give `SeedPerSample` transforms the run's seed and the epoch.

    The epoch lives in shared memory, where persistent workers see it change.
    """

    # Workers start at the first iteration of an epoch, after these stages.
    priority = 'NORMAL'

    def __init__(self) -> None:
        self.epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    def before_train(self, runner: Runner) -> None:
        """Bind all transforms; a resumed run has its old seed by now."""
        dataset = runner.train_loop.dataloader.dataset
        for transform in transforms_of(dataset):
            if isinstance(transform, SeedPerSample):
                transform.bind(runner.seed, self.epoch)

    def before_train_epoch(self, runner: Runner) -> None:
        """Pass the epoch to the workers."""
        self.epoch.fill_(runner.epoch)
