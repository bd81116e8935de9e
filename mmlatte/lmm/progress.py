"""Progress with the time that remains: a bar on a terminal, else log lines."""

import time
from datetime import timedelta

from mmengine.logging import print_log
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

__all__ = ['Progress']


class Progress:
    """Shows how far a long job is.

    Args:
        title (str): What is counted.
        total (int): How many.
        every (float): Seconds between log lines where there is no terminal.
    """

    def __init__(self, title: str, total: int, every: float = 30) -> None:
        self.title, self.total, self.every = title, total, every
        self.done = 0
        self._bar: RichProgress | None = None

    def __enter__(self) -> 'Progress':
        self._start = self._last = time.monotonic()
        console = Console(stderr=True)
        if console.is_terminal and self.total:
            self._bar = RichProgress(
                TextColumn('{task.description}'),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn('{task.fields[rate]:.1f}/s'),
                TimeRemainingColumn(),
                console=console,
            )
            self._task = self._bar.add_task(
                self.title, total=self.total, rate=0.0
            )
            self._bar.start()
        return self

    def __exit__(self, *_) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self.total and self.done:
            self._log()

    def advance(self, count: int) -> None:
        """Count finished items."""
        self.done += count
        if self._bar is not None:
            self._bar.update(self._task, advance=count, rate=self.rate)
        elif time.monotonic() - self._last >= self.every:
            self._last = time.monotonic()
            self._log()

    @property
    def rate(self) -> float:
        """Items per second."""
        return self.done / max(time.monotonic() - self._start, 1e-9)

    def _log(self) -> None:
        left = (self.total - self.done) / max(self.rate, 1e-9)
        print_log(
            f'{self.title}: {self.done}/{self.total}, {self.rate:.1f}/s, '
            f'{timedelta(seconds=round(left))} left',
            'current',
        )
