"""How the workers of a job divide the missing texts."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mmlatte.atomic_file import atomic_file

from .synthesis import Counts

__all__ = ['SharedWork']

#: Seconds between two checks of the files.
POLL = 0.5
#: Seconds between two reports of a worker.
REPORT_EVERY = 5.0
#: Files of a job that was killed are removed after a week.
STALE_SECONDS = 7 * 86400


class SharedWork:
    """One worker of a job, seen by the others through small files.

    Workers are the ranks of a run, or jobs that were started one by one on
    several machines. The files are

    - ``missing.npy``: the missing texts, written once. Worker k of n takes
      each n-th of them. Workers that start at different times find different
      texts missing; if each divided what it finds, texts would be left over.
      A worker that is started again takes the same share.
    - ``<worker>.json``: a sign of life, the counts of a worker that is done,
      or the error of one that failed. A rank that waits in a collective
      operation runs into the process group's time-out while others still
      generate; files have none. A worker that dies without a word is noticed
      when no file has changed for ``patience`` seconds.

    Args:
        folder (str | Path): Folder of the text store, seen by all workers.
        job (str): Name of the job, the same for all its workers.
        worker (int): This worker.
        workers (int): Number of workers.
        patience (float): Seconds without a sign of life.

    Raises:
        ValueError: If there is no such worker.
    """

    def __init__(
        self,
        folder: str | Path,
        job: str,
        worker: int = 0,
        workers: int = 1,
        patience: float = 3600,
    ) -> None:
        if not 0 <= worker < workers:
            raise ValueError(
                f'worker {worker} of {workers}: workers are numbered from 0 '
                f'to {workers - 1}'
            )
        self.folder = Path(folder) / f'.work-{job}'
        self.worker, self.workers, self.patience = worker, workers, patience
        self._reported = 0.0

    def share(self, missing: np.ndarray | None) -> np.ndarray:
        """The texts of this worker, made or not.

        Args:
            missing (np.ndarray | None): int64 (M,), what this worker finds
                missing, in case it is the first; None waits for a list.

        Returns:
            np.ndarray: int64, numbers of texts.
        """
        path = self.folder / 'missing.npy'
        if missing is None:
            self._wait(path.exists)
        elif not path.exists():
            with atomic_file(path, replace=False) as file:
                np.save(file, missing)
        return np.load(path)[self.worker :: self.workers]

    def expected_share(self, missing: np.ndarray) -> np.ndarray:
        """The same, without becoming the first; for a dry run."""
        if (self.folder / 'missing.npy').exists():
            return self.share(missing)
        return missing[self.worker :: self.workers]

    def report(self, done: int) -> None:
        """Give a sign of life, now and then."""
        now = time.monotonic()
        if now - self._reported >= REPORT_EVERY:
            self._reported = now
            self._write(str(self.worker), {'done': done})

    def finish(self, counts: Counts) -> None:
        """Mark this worker's texts as made, for the others."""
        self._write(str(self.worker), {'counts': counts.as_dict()})

    def fail(self, error: BaseException) -> None:
        """Mark that this worker gives up, for the others."""
        self._write(str(self.worker), {'error': f'{error}'})

    def wait_for_all(self, merge: Callable[[], None]) -> Counts:
        """Wait until every worker has finished and the store is merged.

        Args:
            merge (Callable): Merges the store; called by worker 0 only.

        Returns:
            Counts: Of all workers together.

        Raises:
            RuntimeError: If a worker failed or shows no sign of life.
        """
        total = Counts()
        if self.worker:
            total.add(self._wait_for('all', 'counts'))
            self._write(f'left-{self.worker}', {'left': True})
            return total
        for worker in range(self.workers):
            total.add(self._wait_for(str(worker), 'counts'))
        merge()
        self._write('all', {'counts': total.as_dict()})
        for worker in range(1, self.workers):
            self._wait_for(f'left-{worker}', 'left')
        self.remove()
        return total

    def remove(self) -> None:
        """Remove the files of this job, and those of long dead ones."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for old in self.folder.parent.glob('.work-*'):
            if time.time() - _mtime(old) > STALE_SECONDS:
                shutil.rmtree(old, ignore_errors=True)

    def _write(self, name: str, content: dict) -> None:
        with atomic_file(self.folder / f'{name}.json') as file:
            file.write(json.dumps(content).encode())

    def _wait_for(self, name: str, key: str):
        """Wait until a file holds a key, and return its value."""
        self._wait(lambda: key in self._read(name))
        return self._read(name)[key]

    def _wait(self, ready: Callable[[], bool]) -> None:
        """Poll until something is there; watch all workers meanwhile."""
        seen: dict[str, float] = {}
        since = time.monotonic()
        while not ready():
            for worker in range(self.workers):
                error = self._read(str(worker)).get('error')
                if error is not None:
                    raise RuntimeError(
                        f'worker {worker} stopped making texts: {error}'
                    )
            times = {p.name: _mtime(p) for p in self.folder.glob('*.json')}
            if times != seen:
                seen, since = times, time.monotonic()
            elif time.monotonic() - since > self.patience:
                raise RuntimeError(
                    f'no worker gave a sign of life in {self.folder} for '
                    f'{self.patience:.0f} s: one died, or store_dir is not '
                    'shared by all ranks. What is done is stored; start the '
                    'run again.'
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
        return time.time()
