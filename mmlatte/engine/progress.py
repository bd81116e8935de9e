"""Progress and remaining time of long work before training."""

import time
from logging import Logger

from mmengine.dist import is_main_process
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)


class ProgressLog:
    """Report progress: a bar on a terminal, else a log line now and then.

    Only the main process reports. Use as a context manager.

    Args:
        what (str): What is being done.
        total (int): Number of items of this process.
        logger (Logger): Takes the log lines.
        unit (str): Name of the items. Defaults to ``'images'``.
        interval (float): Seconds between log lines. Defaults to 10.
    """

    def __init__(
        self,
        what: str,
        total: int,
        logger: Logger,
        unit: str = 'images',
        interval: float = 10,
    ) -> None:
        self.what, self.total, self.unit = what, total, unit
        self.logger, self.interval = logger, interval
        self.done = 0
        self._bar: Progress | None = None
        console = Console(stderr=True)
        if is_main_process() and console.is_terminal:
            self._bar = Progress(
                TextColumn(what),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn(unit),
                TimeRemainingColumn(),
                console=console,
            )

    def __enter__(self) -> 'ProgressLog':
        self._start = self._last = time.monotonic()
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task(self.what, total=self.total)
        return self

    def __exit__(self, *error) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, count: int) -> None:
        """Add ``count`` finished items."""
        self.done += count
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done)
            return
        now = time.monotonic()
        finished = self.done >= self.total
        if is_main_process() and (
            finished or now - self._last >= self.interval
        ):
            self._last = now
            rate = self.done / max(now - self._start, 1e-9)
            left = (self.total - self.done) / rate if rate else 0
            self.logger.info(
                f'{self.what}: {self.done}/{self.total} {self.unit}, '
                f'{rate:.1f} {self.unit}/s, {_duration(left)} left'
            )


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f'{hours} h {minutes} min'
    return f'{minutes} min {seconds} s' if minutes else f'{seconds} s'
