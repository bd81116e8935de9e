"""Running methods on the same data and putting them side by side."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import MMLogger

from mmlatte.apis.compose_config import compose_config
from mmlatte.version import __version__
from mmlatte.visualization.comparison import (
    MethodResult,
    RunResult,
    write_comparison,
)

__all__ = ['Entry', 'compare', 'make_entries']

#: Seconds between two lines about what still runs.
REPORT_EVERY = 30


@dataclass
class Entry:
    """A method to run.

    Args:
        name (str): Its row in the table.
        config (Config): The whole config.
    """

    name: str
    config: Config

    @property
    def trains(self) -> bool:
        """bool: Whether there is anything to train, or a test is all."""
        return bool(self.config.get('train_dataloader'))

    def key(self, seed: int) -> str:
        """Name the run by all it depends on."""
        content = self.config.to_dict()
        content.pop('work_dir', None)
        text = json.dumps([__version__, seed, content], default=repr)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def folder(self, seed: int) -> str:
        """Name the folder of the run."""
        name = ''.join(c if c.isalnum() else '_' for c in self.name)
        return f'{name}-{self.key(seed)}'


def make_entries(
    configs: Sequence[str],
    options: dict | None = None,
    ablation: str | None = None,
    ablations: Path | None = None,
    data: str | None = None,
    clip: str | None = None,
) -> list[Entry]:
    """Read configs, or variations of one.

    Args:
        configs (Sequence[str]): Paths of config files.
        options (dict, optional): Overrides for all, with dotted keys. What
            changes a section that a config has set to None, or that only
            others have, is left out of it, with a line in the log; an absent
            section whose ``type`` is among the options is made.
        ablation (str, optional): Name or path of a config with a list
            ``ablation`` of ``dict(name=..., options={dotted key: value})``.
        ablations (Path, optional): Folder of the named ones.
        data (str, optional): Data set of those that are methods.
        clip (str, optional): CLIP of those that are methods.

    Raises:
        ValueError: If an ablation comes with several configs.
        FileNotFoundError: If there is no such ablation.
    """
    read = [(Path(p).stem, compose_config(p, data, clip)) for p in configs]
    entries = [Entry(cfg.pop('composed_name', p), cfg) for p, cfg in read]
    applicable = _applicable(entries, options or {})
    for entry, chosen in zip(entries, applicable, strict=True):
        entry.config.merge_from_dict(chosen)
    if ablation is None:
        return entries
    if len(entries) != 1:
        raise ValueError(f'--ablation varies one config, got {len(entries)}')
    path = Path(ablation)
    if path.suffix != '.py' and ablations is not None:
        path = ablations / f'{ablation}.py'
    if not path.is_file():
        raise FileNotFoundError(f'there is no ablation {path}')
    for variation in Config.fromfile(path).ablation:
        config = compose_config(configs[0], data, clip)
        config.pop('composed_name', None)
        config.merge_from_dict(applicable[0])
        config.merge_from_dict(dict(variation.options))
        entries.append(Entry(variation.name, config))
    return entries


def _applicable(entries: Sequence[Entry], options: dict) -> list[dict]:
    """Choose, for each entry, the options of sections that it has.

    Zero-shot CLIP has no training data to change, and only methods with texts
    have an LMM. A section that no config has is made for all: where that is
    nonsense, all runs fail.
    """
    chosen: list[dict] = [{} for _ in entries]
    for key, value in options.items():
        lacking = [_lacking_section(entry.config, key) for entry in entries]
        nowhere = all(found and not found[1] for found in lacking)
        for entry, mine, found in zip(entries, chosen, lacking, strict=True):
            made = found and not found[1] and f'{found[0]}.type' in options
            if not found or nowhere or made:
                mine[key] = value
            else:
                _log(f'{entry.name} has no {found[0]}: {key} is left out')
    return chosen


def _lacking_section(config: Config, key: str) -> tuple[str, bool] | None:
    """Find the outermost section of an option that a config lacks.

    Returns:
        tuple | None: Its dotted name, and whether it is None, not absent.
    """
    parts, node = key.split('.')[:-1], config
    for depth, part in enumerate(parts, 1):
        if not hasattr(node, 'get'):
            return None  # an item of a list: mmengine names a wrong one
        if node.get(part) is None:
            return '.'.join(parts[:depth]), part in node
        node = node[part]
    return None


def _log(message: str) -> None:
    MMLogger.get_instance('mmlatte', log_level='INFO').info(message)


def compare(
    entries: Sequence[Entry],
    seeds: Sequence[int],
    out: str | Path,
    tools: Path,
    jobs: int = 1,
) -> list[MethodResult]:
    """Run what was not run before, and write the tables.

    A run is a process of ``tools/train.py`` (``tools/test.py`` if there is
    nothing to train), in a folder of its own below ``out/runs``, named by the
    content of its config and its seed. Interrupted runs go on, finished ones
    are reused, and one that fails does not stop the others.

    Args:
        entries (Sequence[Entry]): What to compare; the same config under the
            same name counts once.
        seeds (Sequence[int]): A run each, the same seed once; a mere test
            runs once.
        out (str | Path): Folder of ``comparison.md``, ``.csv`` and ``.html``.
        tools (Path): Folder of the tools.
        jobs (int): Runs at the same time. Defaults to 1.

    Returns:
        list[MethodResult]: In the order of the entries.
    """
    # Two runs must not share a folder.
    seeds = [*dict.fromkeys(seeds)]
    once: dict[str, Entry] = {}
    for entry in entries:
        once.setdefault(entry.folder(0), entry)
    entries = [*once.values()]
    out = Path(out).resolve()
    runner = _Runner(out / 'runs', Path(tools))
    todo = [
        (entry, seed)
        for entry in entries
        for seed in (seeds if entry.trains else seeds[:1])
    ]
    runner.total = len(todo)
    reporter = threading.Thread(target=runner.report, daemon=True)
    reporter.start()
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        try:
            runs = list(pool.map(lambda item: runner.run(*item), todo))
        finally:
            runner.stop()  # the pool waits for what runs
    results = [
        MethodResult(
            entry.name,
            [
                run
                for (e, _), run in zip(todo, runs, strict=True)
                if e is entry
            ],
        )
        for entry in entries
    ]
    table = write_comparison(results, out, 'python ' + ' '.join(sys.argv))
    _log(f'{table}\nTables are in {out}/comparison.{{md,csv,html}}')
    return results


@dataclass
class _Runner:
    """Runs processes and tells what they do."""

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
            _log(f'Starting {label}: {folder}')
            code = self._execute(entry, seed, folder, label)
        self.done += 1
        state = f'[{self.done}/{self.total}] {label}'
        if not summary.exists():
            error = _last_error(folder / 'output.txt') or f'exit code {code}'
            _log(f'{state} FAILED: {error}')
            return RunResult(seed, None, error, str(folder))
        values = json.loads(summary.read_text())
        how = 'reused' if reused else f'{time.monotonic() - began:.0f} s'
        top1 = values['top1']
        shown = 'no test data' if top1 is None else f'{top1:.2f} %'
        _log(f'{state}: {shown} ({how})')
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
        """Say every now and then what the running processes say."""
        while not self._stopped.wait(REPORT_EVERY):
            for label, output in list(self._running.items()):
                line = _last_lines(output)[-1:]
                text = line[0][-120:] if line else 'starting'
                _log(f'[{self.done}/{self.total}] {label}: {text}')

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
