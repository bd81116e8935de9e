"""Processes of one launch that share some work, and one of them leads."""

import atexit
import json
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType

import torch
import torch.distributed as dist

from mmlatte.engine.rank_environment import export_slurm, require_environment

from .launch import leave_process_group

__all__ = ['Ranks', 'default_launcher']

LAUNCHERS = ('none', 'pytorch', 'slurm')
#: Seconds between two looks for an order.
POLL = 0.1
#: Seconds in which a rank may end by itself after another one failed, and
#: that rank 0 waits for the others at the end.
GRACE = 5.0
#: Seconds in which all must have started: imports on a slow network disk.
START = 300.0


def default_launcher() -> str:
    """Return ``'pytorch'`` under ``torchrun``, else ``'none'``."""
    return 'pytorch' if dist.is_torchelastic_launched() else 'none'


class Ranks:
    """The processes of a launch: rank 0 leads, the others do what it shares.

    Rank 0 runs the whole program. For what it shares all ranks join a process
    group, which they leave afterwards: what rank 0 does alone may call code
    that looks for other ranks. Orders are plain data in a store that has no
    time limit, so that the others can wait for hours.

    The first rank that fails raises its error; the others end without a
    message of their own, within seconds and with the same exit code, also
    out of a collective operation that waits for the one that failed.

    Args:
        works (Mapping[str, Callable]): Name -> what can be shared, the same
            on all ranks.
        launcher (str): ``'none'``, ``'pytorch'`` (torchrun) or ``'slurm'``.

    Raises:
        ValueError: If there is no such launcher, or, where it is entered,
            if there are more ranks than GPUs.
        RuntimeError: If the launcher's variables are missing, or a process.

    Examples:
        >>> with Ranks({'square': lambda n: n * n}) as ranks:
        ...     ranks.share('square', 3)
        9
    """

    def __init__(
        self, works: Mapping[str, Callable], launcher: str = 'none'
    ) -> None:
        if launcher not in LAUNCHERS:
            raise ValueError(f'launcher={launcher!r}: choose from {LAUNCHERS}')
        self.works = works
        self.rank, self.size, self.launcher = 0, 1, launcher
        self._orders = 0
        self._left = threading.Event()
        if launcher == 'none':
            return
        if launcher == 'slurm':
            export_slurm()
        require_environment(launcher)
        self.rank = int(os.environ['RANK'])
        self.size = int(os.environ['WORLD_SIZE'])
        self._store = _connect(self.leads and not _agent_has_store())
        if not self._wait_for_all('started', START):
            raise RuntimeError(
                f'not all {self.size} processes started within {START:g} s'
            )
        # Of its own: a blocked operation blocks its connection.
        watched = _connect(False)
        threading.Thread(
            target=self._watch, args=(watched,), daemon=True
        ).start()

    @property
    def leads(self) -> bool:
        """bool: Whether this is rank 0."""
        return self.rank == 0

    def share(self, work: str, *arguments):
        """Have all ranks do something, as rank 0.

        Args:
            work (str): Name of it.
            *arguments: What JSON can hold.

        Returns:
            Any: What it returns on rank 0.
        """
        if self.size == 1:
            return self.works[work](*arguments)
        order = json.dumps([work, *arguments])
        self._store.set(f'order{self._orders}', order)
        self._store.add('orders', 1)
        return self._do(order)

    def follow(self) -> None:
        """Do what rank 0 shares until it ends.

        Raises:
            SystemExit: With its exit code, unless that is 0.
        """
        while True:
            if self._store.add('orders', 0) > self._orders:
                order = self._store.get(f'order{self._orders}')
                self._do(order.decode())
            elif self._store.add('ended', 0):
                code = int(self._store.get('code'))
                if code:
                    raise SystemExit(code)
                return
            else:
                time.sleep(POLL)

    def _do(self, order: str):
        work, *arguments = json.loads(order)
        with self._group(f'work{self._orders}'):
            self._orders += 1
            return self.works[work](*arguments)

    @contextmanager
    def _group(self, name: str) -> Iterator[None]:
        """Join all ranks; after an error the connections are left open.

        Others may wait in them, see `leave_process_group`.
        """
        dist.init_process_group(
            'nccl' if torch.cuda.is_available() else 'gloo',
            store=dist.PrefixStore(name, self._store),
            rank=self.rank,
            world_size=self.size,
        )
        yield
        # A rank that left early would break what others still set up.
        self._wait_for_all(f'{name} done')
        leave_process_group()

    def __enter__(self) -> 'Ranks':
        if self.launcher != 'none':
            try:
                _take_gpu()
            except ValueError:
                self.__exit__(*sys.exc_info())
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.launcher == 'none':
            return
        self._left.set()
        code = 0 if error is None else _exit_code(error)
        if code:
            if not self._fails_first():
                # Of what another rank says, or in consequence of it.
                raise SystemExit(code) from None
            self._end(code)
            # Launchers end all when one has ended: the message comes first.
            atexit.register(self._leave)
            return
        if self.leads:
            self._end(0)
        self._leave()

    def _fails_first(self) -> bool:
        """Whether no other rank failed; else wait until that one has ended."""
        try:
            if self._store.add('failed', 1) == 1:
                return True
            until = time.monotonic() + GRACE
            while not self._store.add('gone', 0) and time.monotonic() < until:
                time.sleep(POLL)
            self._store.add('gone', 1)
        except RuntimeError:  # rank 0 is gone, and the store with it
            pass
        return False

    def _end(self, code: int) -> None:
        self._store.set('code', str(code))
        self._store.add('ended', 1)

    def _leave(self) -> None:
        """Let rank 0 end last where it holds the store."""
        if self.leads:
            self._wait_for_all('gone', GRACE)
        else:
            self._store.add('gone', 1)

    def _wait_for_all(self, what: str, seconds: float = math.inf) -> bool:
        until = time.monotonic() + seconds
        count = self._store.add(what, 1)
        while count < self.size and time.monotonic() < until:
            time.sleep(POLL)
            count = self._store.add(what, 0)
        return count >= self.size

    def _watch(self, store: dist.Store) -> None:
        """End this process soon after another one failed."""
        while not self._left.wait(1):
            try:
                failed = store.add('failed', 0) > 0
            except RuntimeError:  # rank 0 is gone, and the store with it
                failed = True
            if failed:
                if not self._left.wait(GRACE):
                    sys.stdout.flush()
                    sys.stderr.flush()
                    os._exit(1)
                return


def _take_gpu() -> None:
    """Use the GPU of this rank.

    Raises:
        ValueError: If there are more ranks than GPUs.
    """
    if not torch.cuda.is_available():
        return
    local, gpus = int(os.environ['LOCAL_RANK']), torch.cuda.device_count()
    if local >= gpus:
        raise ValueError(
            f'process {local} of this machine finds {gpus} GPUs: start at '
            f'most {gpus} processes on it (torchrun --nproc-per-node {gpus})'
        )
    torch.cuda.set_device(local)


def _agent_has_store() -> bool:
    return os.environ.get('TORCHELASTIC_USE_AGENT_STORE') == 'True'


def _connect(is_master: bool) -> dist.Store:
    """Connect to the store of this launch, and of this attempt of it."""
    store = dist.TCPStore(
        os.environ['MASTER_ADDR'],
        int(os.environ['MASTER_PORT']),
        is_master=is_master,
        wait_for_workers=False,
    )
    attempt = os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')
    return dist.PrefixStore(f'mmlatte{attempt}', store)


def _exit_code(error: BaseException) -> int:
    if isinstance(error, SystemExit):
        code = error.code
        return code if isinstance(code, int) else int(code is not None)
    return 130 if isinstance(error, KeyboardInterrupt) else 1
