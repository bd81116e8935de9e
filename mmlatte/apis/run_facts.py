"""What the folder of a run tells about its training."""

import json
from pathlib import Path

from mmengine.config import Config

__all__ = ['describe_epochs', 'describe_optimizer', 'read_summary']


def read_summary(run: Path | None) -> dict:
    """Return the ``summary.json`` of a run's folder, {} without one."""
    return _read(run, 'summary.json')


def describe_optimizer(config: Config, run: Path | None) -> str:
    """Return optimizer and learning rate, and where the rate comes from.

    Args:
        config (Config): Config of the run.
        run (Path | None): Its folder, where ``LabelFreeScheduleHook`` wrote
            down the learning rate that took the place of the config's.
    """
    optimizer = (config.get('optim_wrapper') or {}).get('optimizer', {})
    rate = f'lr {optimizer.get("lr", "?")}'
    found = _schedule(run).get('lr')
    if found is not None:
        rate = f'lr {found:.2g}, found without labels'
    return f'{optimizer.get("type", "?")}, {rate}'


def describe_epochs(config: Config, run: Path | None) -> str:
    """Return how many epochs were trained, and of how many if it stopped.

    Args:
        config (Config): Config of the run.
        run (Path | None): Its folder, where ``LabelFreeScheduleHook`` wrote
            down the epochs until it stopped.
    """
    planned = (config.get('train_cfg') or {}).get('max_epochs', '?')
    trained = len(_schedule(run).get('epochs', ())) or planned
    if trained == planned:
        return str(planned)
    return f'{trained} of {planned}'


def _schedule(run: Path | None) -> dict:
    return _read(run, 'label_free_schedule.json')


def _read(run: Path | None, name: str) -> dict:
    path = run and run / name
    if path is None or not path.is_file():
        return {}
    return json.loads(path.read_text(encoding='utf-8'))
