"""Progress with the time that remains: a bar on a terminal, else log lines."""

import time
from datetime import timedelta
from logging import Logger

from mmengine.dist import is_main_process
from mmengine.logging import print_log
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

__all__ = ['Progress']


class Progress:
    """Shows how far a long job is; only the main process does.

    Without a terminal there is a log line now and then and one at the end.
    Use as a context manager.

    Args:
        what (str): What is being done.
        total (int): Number of items of this process.
        unit (str): Name of the items. Defaults to ``'images'``.
        logger (Logger | str): Takes the log lines. Defaults to
            ``'current'``, mmengine's logger of the run.
        every (float): Seconds between log lines. Defaults to 20.

    Examples:
        >>> import logging
        >>> quiet = logging.getLogger('an example')
        >>> with Progress('labels', total=2, logger=quiet) as progress:
        ...     progress.advance(2)
    """

    def __init__(
        self,
        what: str,
        total: int,
        unit: str = 'images',
        logger: Logger | str = 'current',
        every: float = 20,
    ) -> None:
        self.what, self.total, self.unit = what, total, unit
        self.logger, self.every = logger, every
        self.done = 0
        self._bar: Bar | None = None

    def __enter__(self) -> 'Progress':
        self._start = self._last = time.monotonic()
        self._shown = is_main_process() and self.total > 0
        console = Console(stderr=True)
        if self._shown and console.is_terminal:
            self._bar = Bar(
                TextColumn('{task.description}'),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn('{task.fields[rate]:.1f} {task.fields[unit]}/s'),
                TimeRemainingColumn(),
                console=console,
            )
            self._task = self._bar.add_task(
                self.what, total=self.total, rate=0.0, unit=self.unit
            )
            self._bar.start()
        return self

    def __exit__(self, *error) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self._shown and self.done:
            self._log()

    def advance(self, count: int) -> None:
        """Count finished items."""
        self.done += count
        if self._bar is not None:
            self._bar.update(self._task, advance=count, rate=self.rate)
        elif self._shown and time.monotonic() - self._last >= self.every:
            self._last = time.monotonic()
            self._log()

    @property
    def rate(self) -> float:
        """Items per second."""
        return self.done / max(time.monotonic() - self._start, 1e-9)

    def _log(self) -> None:
        left = (self.total - self.done) / max(self.rate, 1e-9)
        end = f'{timedelta(seconds=round(left))} left'
        if self.done >= self.total:
            spent = round(time.monotonic() - self._start)
            end = f'done in {timedelta(seconds=spent)}'
        print_log(
            f'{self.what}: {self.done}/{self.total} {self.unit}, '
            f'{self.rate:.1f} {self.unit}/s, {end}',
            self.logger,
        )
