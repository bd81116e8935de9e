import json
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

DEFERRED = 'mmlatte.DeferredRuntimeInfoHook'


@HOOKS.register_module()
class CountPending(Hook):
    """Records how many iterations wait after every iteration."""

    priority = 'LOWEST'
    waiting: list[int] = []

    def after_train_iter(self, runner, batch_idx, data_batch, outputs):
        hook = next(
            h
            for h in runner.hooks
            if type(h).__name__ == 'DeferredRuntimeInfoHook'
        )
        self.waiting.append(len(hook._pending))


def scalars(work_dir) -> list[dict]:
    (path,) = Path(work_dir).glob('*/vis_data/scalars.json')
    records = [json.loads(line) for line in path.read_text().splitlines()]
    drop = ('time', 'data_time', 'memory')
    return [
        {k: v for k, v in record.items() if k not in drop}
        for record in records
    ]


@pytest.mark.parametrize('interval', [1, 2, 3])
def test_the_log_is_that_of_mmengine(train, make_config, interval):
    logs = []
    for kind in ('RuntimeInfoHook', DEFERRED):
        config = make_config(kind)
        config.train_dataloader.batch_size = 2
        config.default_hooks.logger.interval = interval
        config.default_hooks.runtime_info = dict(type=kind)
        runner = train(config)
        logs.append(scalars(runner.work_dir))
        history = runner.message_hub.get_scalar('train/loss_finetuned')
        assert len(history.data[0]) == 2 * 8
    assert logs[0] == logs[1]
    assert 'loss_zero_shot' in logs[0][0]


def test_values_wait_for_the_log_line(train, make_config):
    config = make_config()
    config.train_dataloader.batch_size = 2  # 8 iterations per epoch
    config.default_hooks.logger.interval = 3
    config.default_hooks.runtime_info = dict(type=DEFERRED)
    config.custom_hooks.append(dict(type='CountPending'))
    config.train_cfg.max_epochs = 1
    CountPending.waiting.clear()
    train(config)
    assert CountPending.waiting == [1, 2, 0, 1, 2, 0, 1, 0]


def test_a_checkpoint_holds_every_value(train, make_config):
    config = make_config()
    config.train_dataloader.batch_size = 2
    config.default_hooks.logger.interval = 100
    config.default_hooks.runtime_info = dict(type=DEFERRED)
    config.default_hooks.checkpoint.update(by_epoch=False, interval=5)
    runner = train(config)
    path = Path(runner.work_dir) / 'iter_5.pth'
    saved = torch.load(path, weights_only=True)['message_hub']
    assert len(saved['log_scalars']['train/loss']['log']['data']) == 5
