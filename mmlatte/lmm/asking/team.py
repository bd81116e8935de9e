"""Ranks that share the synthesis and wait for each other through files."""

import json
import os
import shutil
import time
from pathlib import Path

from .synthesis import Counts

__all__ = ['Team']

#: Seconds between two looks at the files.
POLL = 0.5
#: Seconds between two reports of a rank.
REPORT_EVERY = 5.0


class Team:
    """One rank of a run, seen by the others through a small file.

    A rank that waits in a collective operation runs into the process group's
    time-out while others still generate; files have none. A rank that fails
    says so, and one that dies without a word is noticed when its file has
    not changed for ``patience`` seconds.

    Args:
        folder (Path): Folder of the text store, seen by all ranks.
        run_id (str): The same on all ranks, new in every run.
        rank (int): This rank.
        size (int): Number of ranks.
        patience (float): Seconds without a sign of life.
    """

    def __init__(
        self,
        folder: Path,
        run_id: str,
        rank: int,
        size: int,
        patience: float = 3600,
    ) -> None:
        self.folder = Path(folder) / f'.run-{run_id}'
        self.rank, self.size, self.patience = rank, size, patience
        self._reported = 0.0
        self.folder.mkdir(parents=True, exist_ok=True)

    def report(self, done: int, counts: Counts) -> None:
        """Give a sign of life, now and then."""
        now = time.monotonic()
        if now - self._reported >= REPORT_EVERY:
            self._reported = now
            self._write(str(self.rank), {'done': done})

    def finish(self, counts: Counts) -> None:
        """Say that this rank's texts are made."""
        self._write(str(self.rank), {'counts': counts.as_dict()})

    def fail(self, error: BaseException) -> None:
        """Say that this rank gives up."""
        self._write(str(self.rank), {'error': f'{error}'})

    def gather(self) -> Counts:
        """Wait for all ranks; their counts together.

        Raises:
            RuntimeError: If a rank failed or shows no sign of life.
        """
        total = Counts()
        for rank in range(self.size):
            total.add(self._wait(str(rank), 'counts'))
        return total

    def publish(self, counts: Counts) -> None:
        """Rank 0: let the others go on."""
        self._write('all', {'counts': counts.as_dict()})

    def published(self) -> Counts:
        """Wait until rank 0 lets this rank go on."""
        total = Counts()
        total.add(self._wait('all', 'counts'))
        self._write(f'left-{self.rank}', {'left': True})
        return total

    def disband(self) -> None:
        """Rank 0: remove the files when the others have read them."""
        for rank in range(1, self.size):
            self._wait(f'left-{rank}', 'left')
        shutil.rmtree(self.folder, ignore_errors=True)
        for old in self.folder.parent.glob('.run-*'):
            if time.time() - old.stat().st_mtime > 7 * 86400:
                shutil.rmtree(old, ignore_errors=True)

    def _write(self, name: str, content: dict) -> None:
        path = self.folder / f'{name}.json'
        partial = path.with_suffix('.tmp')
        partial.write_text(json.dumps(content))
        os.replace(partial, path)

    def _wait(self, name: str, key: str):
        """Poll a file until it holds a key; watch all ranks meanwhile."""
        seen: dict[str, float] = {}
        since = time.monotonic()
        while True:
            content = self._read(name)
            if key in content:
                return content[key]
            for rank in range(self.size):
                error = self._read(str(rank)).get('error')
                if error is not None:
                    raise RuntimeError(
                        f'rank {rank} stopped making texts: {error}'
                    )
            times = {p.name: _mtime(p) for p in self.folder.glob('*.json')}
            if times != seen:
                seen, since = times, time.monotonic()
            elif time.monotonic() - since > self.patience:
                raise RuntimeError(
                    f'no rank gave a sign of life in {self.folder} for '
                    f'{self.patience:.0f} s: a rank died, or store_dir is '
                    'not shared by all ranks. What is done is stored; start '
                    'the run again.'
                )
            time.sleep(POLL)

    def _read(self, name: str) -> dict:
        try:
            return json.loads((self.folder / f'{name}.json').read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
