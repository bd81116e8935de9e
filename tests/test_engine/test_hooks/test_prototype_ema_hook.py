import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlatte.engine.hooks import PrototypeEMAHook, prototype_ema_hook
from mmlatte.models.memory import PrototypeMemory
from mmlatte.registry import HOOKS


@HOOKS.register_module()
class Watch(Hook):
    """Records what the memory collects and where the prototypes go."""

    priority = 'LOW'

    def before_train(self, runner):
        memory = runner.model.memory
        self.collected, self.prototypes = [], [memory.prototypes.clone()]
        collect = memory.collect

        def record(blended, labels, valid=None):
            self.collected.append((blended.detach().clone(), labels.clone()))
            collect(blended, labels, valid)

        memory.collect = record

    def after_train_iter(self, runner, *args, **kwargs):
        memory = runner.model.memory
        self.prototypes.append(memory.prototypes.clone())


def naive(prototypes, collected):
    new = prototypes.clone()
    for c in range(len(prototypes)):
        rows = [
            v
            for blended, labels in collected
            for v, label in zip(blended, labels, strict=True)
            if label == c
        ]
        if rows:
            new[c] = F.normalize(torch.stack(rows).mean(dim=0), dim=0)
    return new


@pytest.mark.parametrize('accumulate', [1, 2, 3])
def test_moves_with_the_optimizer(train, make_config, accumulate):
    config = make_config(
        **{
            'optim_wrapper.accumulative_counts': accumulate,
            'train_cfg.max_epochs': 1,
        }
    )
    config.custom_hooks.append(dict(type='Watch'))
    runner = train(config)
    (watch,) = [hook for hook in runner.hooks if isinstance(hook, Watch)]
    steps = len(watch.prototypes) - 1
    assert steps == 4  # 15 images, batches of 4
    per_step = len(watch.collected) // steps
    start = 0
    for step in range(1, steps + 1):
        before, after = watch.prototypes[step - 1], watch.prototypes[step]
        if step % accumulate == 0 or step == steps:
            batches = watch.collected[start * per_step : step * per_step]
            assert torch.allclose(after, naive(before, batches), atol=1e-6)
            assert not torch.equal(after, before)
            start = step
        else:
            assert torch.equal(after, before)


def test_model_without_memory_is_refused(train, make_config):
    config = make_config()
    config.model = dict(
        type='mmpretrain.ImageClassifier',
        backbone=dict(type='mmpretrain.LeNet5', num_classes=3),
        head=dict(
            type='mmpretrain.ClsHead',
            loss=dict(type='mmpretrain.CrossEntropyLoss'),
        ),
        data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'),
    )
    with pytest.raises(ValueError, match='a mmlatte'):
        train(config)


class FakeRunner:
    """What `before_checkpoint` looks at."""

    def __init__(self, memory):
        self.model = torch.nn.Module()
        self.model.memory = memory
        self.iter = 7


def _check_on_rank(rank, folder):
    dist.init_process_group(
        'gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2
    )
    memory = PrototypeMemory(['a', 'b'], 4)
    memory.reset(torch.eye(4)[:2])
    hook, runner = PrototypeEMAHook(), FakeRunner(memory)
    hook.before_checkpoint(runner)  # equal: nothing happens
    if rank == 1:  # one bit
        value = memory.prototypes[0, 0]
        memory.prototypes[0, 0] = torch.nextafter(value, torch.tensor(2.0))
    with pytest.raises(RuntimeError) as error:
        hook.before_checkpoint(runner)
    (folder / f'{rank}.txt').write_text(str(error.value))
    dist.destroy_process_group()


def test_ranks_that_differ_are_found(tmp_path):
    mp.start_processes(
        _check_on_rank, args=(tmp_path,), nprocs=2, start_method='fork'
    )
    for rank in range(2):
        message = (tmp_path / f'{rank}.txt').read_text()
        assert 'ranks [1]' in message and 'iteration 7' in message


def test_wrappers_that_leave_the_end_of_a_step_out_are_refused(
    make_config, monkeypatch
):
    runner = Runner.from_cfg(make_config())
    hook = PrototypeEMAHook()
    hook.before_run(runner)  # one rank: any model will do
    monkeypatch.setattr(prototype_ema_hook, 'is_distributed', lambda: True)
    with pytest.raises(ValueError, match=r'mmlatte\.DistributedMethod'):
        hook.before_run(runner)
