"""What a config can switch on: each works, or says why it cannot."""

import os

import pytest
import torch
from mmengine.config import Config

from mmlatte.engine import AutocastOptimWrapper, init_cpu_dist
from mmlatte.engine.hooks import PrototypeEMAHook


@pytest.fixture
def make(make_config):
    def config(work_dir, **options):
        cfg = make_config(work_dir=work_dir)
        cfg.train_cfg = dict(
            type='mmlatte.ResumableTrainLoop', max_epochs=2, val_interval=2
        )
        cfg.merge_from_dict(options)
        return cfg

    return config


def losses(runner):
    return runner.message_hub.get_scalar('train/loss').data[0]


def load(tmp_path, name):
    return torch.load(tmp_path / name, weights_only=True)


def assert_same(a, b):
    assert a.keys() == b.keys()
    for key in a:
        assert torch.equal(a[key], b[key]), key


def test_ema_of_weights_resumes_exactly(train, make, tmp_path):
    ema = dict(type='EMAHook', momentum=0.5)
    config = make('whole')
    config.custom_hooks.append(ema)
    runner = train(config)
    plain = train(make('plain'))
    whole = load(tmp_path, 'whole/epoch_2.pth')
    # Training is that without the average; deployed is the average ...
    assert losses(runner).tolist() == losses(plain).tolist()
    key = 'clip.logit_scale'
    source = plain.model.state_dict()[key]
    assert not torch.equal(whole['state_dict'][key], source)
    assert torch.equal(whole['ema_state_dict'][f'module.{key}'], source)
    # ... with the prototypes of the last step.
    prototypes = whole['state_dict']['memory.prototypes']
    assert torch.equal(prototypes, plain.model.memory.prototypes)

    config = make('resumed')
    config.custom_hooks.append(ema)
    config.load_from = str(tmp_path / 'whole' / 'epoch_1.pth')
    config.resume = True
    train(config)
    resumed = load(tmp_path, 'resumed/epoch_2.pth')
    for part in ('state_dict', 'ema_state_dict'):
        assert_same(whole[part], resumed[part])


def test_gradient_checkpointing_changes_nothing(train, make):
    plain = train(make('plain'))
    options = {'model.clip.grad_checkpointing': True}
    saving = train(make('saving', **options))
    assert losses(saving) == pytest.approx(losses(plain), abs=1e-5)


def test_compile_changes_nothing(train, make):
    options = {'train_cfg.max_epochs': 1}
    plain = train(make('plain', **options))
    # Graphs are captured and run; code generation would take minutes.
    options['compile'] = dict(backend='eager', dynamic=True)
    compiled = train(make('compiled', **options))
    assert losses(compiled) == pytest.approx(losses(plain), abs=1e-4)


def test_bfloat16_on_cpu(train, make, tmp_path):
    plain = train(make('plain'))
    options = {
        'optim_wrapper.type': 'mmlatte.AutocastOptimWrapper',
        'optim_wrapper.dtype': 'bfloat16',
    }
    half = train(make('half', **options))
    assert losses(half) == pytest.approx(losses(plain), rel=0.1)
    assert losses(half).tolist() != losses(plain).tolist()
    state = half.model.state_dict()
    assert all(
        value.dtype == torch.float32
        for value in state.values()
        if value.is_floating_point()
    )
    config = make('resumed', **options)
    config.load_from = str(tmp_path / 'half' / 'epoch_1.pth')
    config.resume = True
    assert_same(train(config).model.state_dict(), state)


def test_default_precision_on_cpu_is_full(train, make):
    plain = train(make('plain'))
    options = {'optim_wrapper.type': 'mmlatte.AutocastOptimWrapper'}
    same = train(make('same', **options))
    assert_same(same.model.state_dict(), plain.model.state_dict())


def test_impossible_precisions_are_refused():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1)
    with pytest.raises(ValueError, match='bfloat16'):
        AutocastOptimWrapper('int8', optimizer=optimizer)
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match='bfloat16'):
            AutocastOptimWrapper('float16', optimizer=optimizer)


def test_sharded_training_is_refused():
    cfg = Config(
        dict(
            launcher='pytorch',
            model_wrapper_cfg=dict(type='MMFullyShardedDataParallel'),
        )
    )
    with pytest.raises(ValueError, match='DistributedMethod'):
        init_cpu_dist(cfg)

    class FlexibleRunner:
        pass

    with pytest.raises(ValueError, match='FlexibleRunner'):
        PrototypeEMAHook().before_run(FlexibleRunner())


def test_launch_without_environment_says_how(monkeypatch):
    monkeypatch.delenv('RANK', raising=False)
    with pytest.raises(RuntimeError, match=r'tools/dist_train\.sh'):
        init_cpu_dist(Config(dict(launcher='pytorch')))
    with pytest.raises(ValueError, match="'mpi' needs GPUs"):
        init_cpu_dist(Config(dict(launcher='mpi')))


@pytest.fixture
def slurm(monkeypatch, tmp_path):
    """A SLURM task; returns a function that says what scontrol does."""
    for name in ('RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'MASTER_PORT'):
        monkeypatch.setenv(name, '0')  # undone at the end
    monkeypatch.delenv('MASTER_ADDR', raising=False)
    monkeypatch.setenv('SLURM_LAUNCH_NODE_IPADDR', '10.0.0.1')  # a login node
    start = 'torch.distributed.init_process_group'
    monkeypatch.setattr(start, lambda *args, **kwargs: None)

    def scontrol(script):
        fake = tmp_path / 'scontrol'
        fake.write_text('#!/bin/sh\n' + script)
        fake.chmod(0o755)
        monkeypatch.setenv('PATH', f'{tmp_path}:{os.environ["PATH"]}')

    return scontrol


def test_slurm_ranks_meet_at_the_first_node(slurm, monkeypatch):
    slurm('test "$*" = "show hostnames gpu[07-09]" && printf "gpu07\\ngpu08"')
    monkeypatch.setenv('SLURM_NODELIST', 'gpu[07-09]')
    init_cpu_dist(Config(dict(launcher='slurm')))
    assert os.environ['MASTER_ADDR'] == 'gpu07'
    # An address that the user gives is taken.
    os.environ['MASTER_ADDR'] = 'gpu09'
    init_cpu_dist(Config(dict(launcher='slurm')))
    assert os.environ['MASTER_ADDR'] == 'gpu09'


def test_slurm_without_an_answer_says_what_to_set(slurm, monkeypatch):
    slurm('exit 1')
    monkeypatch.setenv('SLURM_NODELIST', 'gpu[07-09]')
    with pytest.raises(RuntimeError, match='set MASTER_ADDR to the host'):
        init_cpu_dist(Config(dict(launcher='slurm')))
    # One node needs no question.
    monkeypatch.setenv('SLURM_NODELIST', 'gpu07')
    monkeypatch.setenv('MASTER_ADDR', '')  # undone at the end
    monkeypatch.delenv('MASTER_ADDR')
    init_cpu_dist(Config(dict(launcher='slurm')))
    assert os.environ['MASTER_ADDR'] == 'gpu07'
