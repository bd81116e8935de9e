"""The peak of a run's schedule of the learning rate, and its path."""

from mmengine.runner import Runner

from mmlatte.engine.schedulers import WarmupCosineLR

__all__ = ['only_scheduler', 'path_of_one', 'set_peak']


def only_scheduler(runner: Runner) -> WarmupCosineLR:
    """Return the run's only scheduler, of which the path is known.

    Raises:
        ValueError: If it has another one, or several.
    """
    schedulers = runner.param_schedulers
    if isinstance(schedulers, list) and len(schedulers) == 1:
        only = schedulers[0]
        if isinstance(only, WarmupCosineLR) and only.max_path is None:
            return only
    raise ValueError(
        'LabelFreeScheduleHook needs mmlatte.WarmupCosineLR as the only '
        'param_scheduler, and without max_path'
    )


def path_of_one(runner: Runner, scheduler: WarmupCosineLR) -> float:
    """Return the path (sum of learning rates) of the run, for a peak of 1."""
    wrapper = runner.optim_wrapper
    accumulated, last = wrapper._accumulative_counts, wrapper._max_counts
    kept, length = scheduler.last_step, 0.0
    for step in range(scheduler.total):
        # Gradients that are accumulated go nowhere by themselves.
        count = scheduler.begin + step + 1
        if count % accumulated == 0 or count == last:
            scheduler.last_step = step
            length += scheduler._get_value()[0]
    scheduler.last_step = kept
    return length / scheduler.base_values[0]


def set_peak(runner: Runner, scheduler: WarmupCosineLR, rate: float) -> None:
    """Scale all groups so that the peak of the first is a learning rate."""
    factor = rate / scheduler.base_values[0]
    for group in runner.optim_wrapper.optimizer.param_groups:
        group['lr'] *= factor
        group['initial_lr'] *= factor
    scheduler.base_values = [v * factor for v in scheduler.base_values]
