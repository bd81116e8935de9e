"""The processes of a comparison."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from mmengine.config import Config

from mmlatte.visualization.comparison import RunResult

from .comparison_entries import Entry, log

__all__ = ['ComparisonRunner']

#: Seconds between two lines about what still runs.
REPORT_EVERY = 30


@dataclass
class ComparisonRunner:
    """Runs processes and logs their progress."""

    folder: Path
    tools: Path
    total: int = 0
    done: int = 0
    _running: dict[str, Path] = field(default_factory=dict)
    _processes: list[subprocess.Popen] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def run(self, entry: Entry, seed: int) -> RunResult:
        """Run an entry with a seed, unless there is a result already."""
        label = f'{entry.name}, seed {seed}'
        folder = self.folder / entry.folder(seed)
        summary = folder / (
            'summary.json' if entry.trains else 'test_summary.json'
        )
        reused = summary.exists()
        began, code = time.monotonic(), 0
        if not reused and not self._stopped.is_set():
            log(f'Starting {label}: {folder}')
            code = self._execute(entry, seed, folder, label)
        self.done += 1
        state = f'[{self.done}/{self.total}] {label}'
        if not summary.exists():
            error = _last_error(folder / 'output.txt') or f'exit code {code}'
            log(f'{state} FAILED: {error}')
            return RunResult(seed, None, error, str(folder))
        values = json.loads(summary.read_text())
        how = 'reused' if reused else f'{time.monotonic() - began:.0f} s'
        top1 = values['top1']
        shown = 'no test data' if top1 is None else f'{top1:.2f} %'
        log(f'{state}: {shown} ({how})')
        return RunResult(seed, values, None, str(folder))

    def _execute(
        self, entry: Entry, seed: int, folder: Path, label: str
    ) -> int:
        """Run one process to its end; return its exit code."""
        config = Config(entry.config.to_dict())
        config.work_dir = str(folder)
        config.setdefault('randomness', {})['seed'] = seed
        if not entry.trains:
            config.setdefault('default_hooks', {})['summary'] = dict(
                type='mmlatte.RunSummaryHook'
            )
        path = folder / 'comparison' / 'config.py'
        path.parent.mkdir(parents=True, exist_ok=True)
        config.dump(str(path))
        tool = 'train.py' if entry.trains else 'test.py'
        command = [sys.executable, str(self.tools / tool), str(path)]
        command += ['--work-dir', str(folder)]
        command += ['--resume'] if entry.trains else []
        output = folder / 'output.txt'
        self._running[label] = output
        try:
            with output.open('wb') as file:
                process = subprocess.Popen(
                    command,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    env=os.environ,
                )
                self._processes.append(process)
                if self._stopped.is_set():  # while it was started
                    process.terminate()
                return process.wait()
        finally:
            self._running.pop(label)

    def report(self) -> None:
        """Log the last line of every running process, now and then."""
        while not self._stopped.wait(REPORT_EVERY):
            for label, output in list(self._running.items()):
                line = _last_lines(output)[-1:]
                text = line[0][-120:] if line else 'starting'
                log(f'[{self.done}/{self.total}] {label}: {text}')

    def stop(self) -> None:
        """End all processes; those that train save first."""
        self._stopped.set()
        for process in self._processes:
            if process.poll() is None:
                process.terminate()


def _last_lines(path: Path, size: int = 20_000) -> list[str]:
    """Return the last lines of a file that are not empty."""
    if not path.exists():
        return []
    with path.open('rb') as file:
        file.seek(max(0, path.stat().st_size - size))
        text = file.read().decode(errors='replace')
    return [line.strip() for line in text.splitlines() if line.strip()]


def _last_error(path: Path) -> str | None:
    """Return the last line that names an error, else the last line."""
    lines = _last_lines(path)
    for line in reversed(lines):
        kind = line.split(':')[0].split('.')[-1]
        if kind.endswith(('Error', 'Exception', 'Interrupt')):
            return line
    return lines[-1] if lines else None
