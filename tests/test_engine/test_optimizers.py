import math

import open_clip
import pytest
import torch
from mmengine.optim import build_optim_wrapper
from torch import nn

from mmlatte.engine.schedulers import WarmupCosineLR


class Model(nn.Module):
    def __init__(self, folder) -> None:
        super().__init__()
        self.clip = open_clip.create_model(
            f'local-dir:{folder}', force_custom_text=True
        )


def build(model, **paramwise):
    return build_optim_wrapper(
        model,
        dict(
            constructor='mmlatte.CLIPOptimWrapperConstructor',
            optimizer=dict(type='AdamW', lr=0.1, weight_decay=0.2),
            paramwise_cfg=paramwise,
        ),
    )


def test_only_matrices_are_decayed(tiny_clip_dir):
    model = Model(tiny_clip_dir)
    model.clip.visual.proj.requires_grad_(False)
    groups = build(model).optimizer.param_groups
    assert len(groups) == 2
    decay = {id(p): g['weight_decay'] for g in groups for p in g['params']}
    for name, parameter in model.named_parameters():
        if name == 'clip.visual.proj':
            assert id(parameter) not in decay
        else:
            expected = 0.2 if parameter.ndim >= 2 else 0.0
            assert decay[id(parameter)] == expected, name


def test_learning_rate_per_tower(tiny_clip_dir):
    model = Model(tiny_clip_dir)
    groups = build(model, text_lr_mult=0.5).optimizer.param_groups
    rates = {id(p): g['lr'] for g in groups for p in g['params']}
    for name, parameter in model.named_parameters():
        expected = 0.05 if name.startswith('clip.text.') else 0.1
        assert rates[id(parameter)] == pytest.approx(expected), name


def test_other_rules_and_frozen_models_are_refused(tiny_clip_dir):
    model = Model(tiny_clip_dir)
    with pytest.raises(ValueError, match='norm_decay_mult'):
        build(model, norm_decay_mult=0)
    with pytest.raises(ValueError, match='frozen'):
        build(model.requires_grad_(False))


@pytest.mark.parametrize(('warmup', 'total'), [(3, 40), (0, 10), (40, 100)])
def test_schedule_equals_open_clips_formula(warmup, total):
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=2.0)
    schedule = WarmupCosineLR.build_iter_from_epoch(
        optimizer, warmup=warmup, end=total // 10, epoch_length=10
    )
    warmup = min(warmup, total // 10)
    for step in range(total):
        if step < warmup:
            expected = 2.0 * (step + 1) / warmup
        else:
            progress = (step - warmup) / (total - warmup)
            expected = 0.5 * (1 + math.cos(math.pi * progress)) * 2.0
        assert optimizer.param_groups[0]['lr'] == pytest.approx(expected)
        optimizer.step()
        schedule.step()


def rates(**kwargs):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = WarmupCosineLR(optimizer, warmup=3, **kwargs)
    for _ in range(kwargs['end']):
        yield optimizer.param_groups[0]['lr']
        optimizer.step()
        schedule.step()


def test_every_cycle_is_a_schedule_of_its_own():
    assert list(rates(end=60, cycles=3)) == 3 * list(rates(end=20))
    with pytest.raises(ValueError, match='60 steps are no 7 equal cycles'):
        list(rates(end=60, cycles=7))


@pytest.mark.parametrize('cycles', [1, 2])
@pytest.mark.parametrize('end', [8, 60, 600])
def test_no_run_goes_farther_than_its_path(end, cycles):
    free = list(rates(end=end, cycles=cycles))
    bound = list(rates(end=end, cycles=cycles, max_path=12.0))
    assert sum(bound) == pytest.approx(min(sum(free), 12.0 * cycles))
    ratio = sum(bound) / sum(free)
    assert bound == pytest.approx([ratio * rate for rate in free])


def test_a_path_has_a_length():
    with pytest.raises(ValueError, match='max_path must be positive, got 0'):
        next(rates(end=10, max_path=0))


def test_schedule_needs_an_end_in_steps():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    with pytest.raises(ValueError, match='end'):
        WarmupCosineLR(optimizer, warmup=3)
    with pytest.raises(ValueError, match='convert_to_iter_based'):
        WarmupCosineLR(optimizer, warmup=3, end=10, by_epoch=True)
