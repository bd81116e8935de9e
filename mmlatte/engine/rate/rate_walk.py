"""A few steps along growing learning rates, and back again."""

from collections.abc import Iterator
from typing import NamedTuple

from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.runner import Runner

from mmlatte.engine.optimizers import AutocastOptimWrapper

from ..method_of import method_of
from .label_probe import LabelProbe
from .path_choice import broke, fell, improved, next_path, rose

__all__ = ['Walk', 'walk']


class Walk(NamedTuple):
    """What was measured on the way.

    Args:
        paths (list[float]): Growing sums of learning rates.
        agreement (list[float]): With the zero-shot labels, along the paths.
        clusters (list[float]): With the clusters, before and along the paths;
            empty without clusters.
    """

    paths: list[float]
    agreement: list[float]
    clusters: list[float]


def walk(
    runner: Runner, probe: LabelProbe, steps: int, first: float, last: float
) -> Walk:
    """Measure the agreement along growing paths; undo every step.

    Args:
        runner (Runner): About to train.
        probe (LabelProbe): Measures.
        steps (int): Steps of the optimizer between two measurements.
        first (float): Shortest path.
        last (float): Longest path.
    """
    model, wrapper = runner.model, runner.optim_wrapper
    state = {k: v.clone() for k, v in model.state_dict().items()}
    groups = wrapper.optimizer.param_groups
    rates = [group['lr'] for group in groups]
    scaler = loss_scaler(wrapper)
    scale = scaler.state_dict() if scaler is not None else {}
    batches = _endless(runner)
    # As the first epoch will; the state is put back.
    method_of(runner, 'LabelFreeScheduleHook').start_epoch(
        0, runner.max_epochs
    )
    start = [] if probe.clusters is None else [probe.measure(runner)[1]]
    walked = Walk([], [], start)
    model.train()
    # The search may be longer than the run, after which mmengine would
    # refuse to accumulate gradients.
    wrapper.initialize_count_status(model, 0, -1)
    done, path = 0.0, first
    while path <= last:
        # The first group leads; the others keep their ratio to it.
        for group, rate in zip(groups, rates, strict=True):
            group['lr'] = (path - done) / steps * rate / rates[0]
        for _ in range(steps * wrapper._accumulative_counts):
            model.train_step(next(batches), optim_wrapper=wrapper)
        _measure(runner, probe, path, walked)
        if _is_enough(walked, len(probe)):
            break
        done, path = path, next_path(walked.paths, walked.agreement)
    model.load_state_dict(state)
    wrapper.optimizer.state.clear()
    if scale:
        # Large steps overflow, and each halves the scale.
        scaler.load_state_dict(scale)
    wrapper.zero_grad()
    for group, rate in zip(groups, rates, strict=True):
        group['lr'] = rate
    loop = runner.train_loop
    wrapper.initialize_count_status(model, loop.iter, loop.max_iters)
    return walked


def loss_scaler(wrapper: OptimWrapper):
    """Return what scales the loss of float16, None without."""
    if isinstance(wrapper, AutocastOptimWrapper):
        return wrapper.scaler
    if isinstance(wrapper, AmpOptimWrapper):
        return wrapper.loss_scaler
    return None


def _measure(
    runner: Runner, probe: LabelProbe, path: float, walked: Walk
) -> None:
    zero_shot, clusters = probe.measure(runner)
    walked.paths.append(path)
    walked.agreement.append(zero_shot)
    text = (
        f'path {path:.1e}: agreement of frozen and fine-tuned labels '
        f"{zero_shot:.2f} (Cohen's kappa)"
    )
    if clusters is not None:
        walked.clusters.append(clusters)
        text += f', with clusters {clusters:.2f}'
    runner.logger.info(text)


def _is_enough(walked: Walk, images: int) -> bool:
    """Whether going on would show nothing new."""
    if walked.clusters and improved(walked.clusters, images):
        return fell(walked.clusters, images)
    return broke(walked.agreement) or rose(walked.agreement, images)


def _endless(runner: Runner) -> Iterator[dict]:
    """Batches of the training data, pass after pass."""
    while True:
        yield from runner.train_loop.dataloader
