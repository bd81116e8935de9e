import pytest
import torch
from mmengine.hooks import Hook

from mmlatte.registry import HOOKS


@HOOKS.register_module()
class RecordBatches(Hook):
    def before_train(self, runner):
        self.seen = {}

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        pairs = zip(
            data_batch['data_samples'], data_batch['inputs'], strict=True
        )
        for sample, pixels in pairs:
            self.seen[runner.epoch, sample.sample_idx] = pixels.clone()


@pytest.mark.parametrize('workers', [1, 2])
def test_augmentation_depends_on_sample_and_epoch_only(
    train, make_config, workers
):
    seen = []
    for number in (0, workers):
        config = make_config()
        config.train_dataloader.num_workers = number
        config.train_dataloader.persistent_workers = number > 0
        config.custom_hooks.append(dict(type='RecordBatches'))
        runner = train(config)
        hook = next(h for h in runner.hooks if isinstance(h, RecordBatches))
        seen.append(hook.seen)
    assert seen[0].keys() == seen[1].keys()
    assert len(seen[0]) == 2 * 15
    for key in seen[0]:
        assert torch.equal(seen[0][key], seen[1][key]), key
    changed = [
        not torch.equal(seen[0][0, i], seen[0][1, i]) for i in range(15)
    ]
    assert sum(changed) >= 12  # another crop in the next epoch
