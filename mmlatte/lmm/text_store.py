"""Where the texts of one data root and one LMM are kept."""

import contextlib
import fcntl
import hashlib
import os
import socket
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from .text_file_db import (
    KEEP_BEST,
    SCHEMA,
    connect_new,
    connect_sealed,
    insert,
    open_part,
    records,
)
from .text_record import TextRecord

__all__ = ['TextStore']


class TextStore:
    """Texts on disk: a folder of SQLite files that are read as one.

    Every writer has a file of its own (``<writer>.part``), which no other
    process ever writes. :meth:`close` seals it (``<writer>.db``), and
    :meth:`merge` joins everything into one file. What :meth:`put` was given
    is durable when it returns: killing the process at any instant loses
    nothing that was acknowledged. Reading needs little memory and works in
    forked workers, each of which opens the files for itself.

    A key (:func:`mmlatte.lmm.text_record.record_key`) is a text's row number
    in whatever file holds it: :meth:`resolve` turns keys into an int array
    once, and workers read texts by that number.

    Args:
        folder (str | Path): Folder of the store; one per data root and LMM
            (see :func:`mmlatte.lmm.store_folder`).

    Examples:
        >>> store = TextStore('data/eurosat/texts/llava-0123456789ab')
        >>> store.put([TextRecord('Forest/1.jpg', 'image', 'Describe.', 'x')])
        >>> key = record_key('Forest/1.jpg', 'image', 'Describe.')
        >>> store.text(key)
        'x'
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._writer: sqlite3.Connection | None = None
        self._part: Path | None = None
        self._lock: int | None = None
        self._readers: list[sqlite3.Connection] = []
        self._pid = os.getpid()

    # -- writing ---------------------------------------------------------

    def put(self, batch: Iterable[TextRecord]) -> None:
        """Store records; they are durable when this returns."""
        self._own_process()
        if self._writer is None:
            self._start_writing()
        assert self._writer is not None
        insert(self._writer, batch)

    def close(self) -> None:
        """Seal this writer's file and close everything."""
        self._own_process()
        self._close_readers()
        if self._writer is None:
            return
        assert self._part is not None and self._lock is not None
        self._writer.close()
        self._part.rename(self._part.with_suffix('.db'))
        self._part.with_suffix('.lock').unlink()
        os.close(self._lock)
        self._writer = self._part = self._lock = None

    def __enter__(self) -> 'TextStore':
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _start_writing(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f'{_machine()}-{os.getpid()}-{os.urandom(4).hex()}'
        # The lock tells processes on this machine that the writer lives.
        lock = self.folder / f'{name}.lock'
        self._lock = os.open(lock, os.O_CREAT | os.O_RDWR, 0o666)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._part = self.folder / f'{name}.part'
        self._writer = connect_new(self._part)

    # -- reading ---------------------------------------------------------

    def resolve(self, keys: np.ndarray) -> np.ndarray:
        """Row numbers of the accepted texts among ``keys``.

        Args:
            keys (np.ndarray): int64 keys, any shape.

        Returns:
            np.ndarray: The keys again, -1 where the store holds no accepted
            text (missing or failed).
        """
        return np.where(self._holds(keys, failed=False), keys, -1)

    def failed(self, keys: np.ndarray) -> np.ndarray:
        """Which keys the store knows as failed only.

        Returns:
            np.ndarray: bool, the shape of ``keys``.
        """
        failed = self._holds(keys, failed=True)
        return failed & ~self._holds(keys, failed=False)

    def text(self, row: int) -> str:
        """The accepted text of a row number.

        Raises:
            KeyError: If no file of the store holds it.
        """
        self._own_process()
        for again in (False, True):
            if again or not self._readers:
                # Another job may have merged the files meanwhile.
                self._open_readers()
            for reader in self._readers:
                found = reader.execute(
                    'SELECT text FROM texts WHERE id=? AND failed=0',
                    (int(row),),
                ).fetchone()
                if found:
                    return found[0]
        with self._unsealed() as parts:
            for part in parts:
                found = part.execute(
                    'SELECT text FROM texts WHERE id=? AND failed=0',
                    (int(row),),
                ).fetchone()
                if found:
                    return found[0]
        raise KeyError(f'no text {row} in {self.folder}')

    def records(self) -> Iterator[TextRecord]:
        """All records, each once, an accepted text before a failure."""
        with self._all_files() as files:
            for position, file in enumerate(files):
                for record in records(file):
                    if not _shadowed(files, position, record):
                        yield record

    def record(self, key: int) -> TextRecord | None:
        """The record of a key, accepted or failed; None if there is none."""
        with self._all_files() as files:
            found = [
                record
                for file in files
                for record in records(file, 'texts.id=?', (int(key),))
            ]
        found.sort(key=lambda record: record.status != 'ok')
        return found[0] if found else None

    def __len__(self) -> int:
        """Number of accepted texts."""
        return len(self._keys(failed=False))

    def _holds(self, keys: np.ndarray, failed: bool) -> np.ndarray:
        known = self._keys(failed)
        if not len(known):
            return np.zeros(np.shape(keys), bool)
        position = np.searchsorted(known, keys)
        return known[np.minimum(position, len(known) - 1)] == keys

    def _keys(self, failed: bool) -> np.ndarray:
        query = f'SELECT id FROM texts WHERE failed={int(failed)}'
        found = [np.empty(0, np.int64)]
        with self._all_files() as files:
            for file in files:
                rows = (row[0] for row in file.execute(query))
                found.append(np.fromiter(rows, np.int64))
        return np.unique(np.concatenate(found))

    @contextlib.contextmanager
    def _all_files(self) -> Iterator[list[sqlite3.Connection]]:
        self._own_process()
        with self._unsealed() as parts:
            self._open_readers()
            yield [*self._readers, *parts]

    @contextlib.contextmanager
    def _unsealed(self) -> Iterator[list[sqlite3.Connection]]:
        """Open the files that are not sealed, this writer's own included."""
        with contextlib.ExitStack() as stack:
            opened = []
            for path in self._paths('.part'):
                try:
                    part = stack.enter_context(open_part(path))
                except RuntimeError:
                    if path.exists():
                        raise
                    continue  # sealed meanwhile: read below as such
                if part is not None:
                    opened.append(part)
            yield opened

    def _open_readers(self) -> None:
        while True:
            self._close_readers()
            try:
                for path in self._paths('.db'):
                    self._readers.append(connect_sealed(path))
                return
            except sqlite3.OperationalError:
                # Merged away since it was listed: list again.
                if path.exists():
                    raise

    def _close_readers(self) -> None:
        for reader in self._readers:
            reader.close()
        self._readers = []

    def _paths(self, suffix: str) -> list[Path]:
        if not self.folder.is_dir():
            return []
        paths = [p for p in self.folder.iterdir() if p.suffix == suffix]
        # The merged file is the largest: it is asked first.
        return sorted(paths, key=lambda p: (-_size(p), p.name))

    def _own_process(self) -> None:
        """Forget the parent's connections: SQLite must not cross a fork."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            # Kept alive on purpose: closing them would drop the parent's
            # locks on the files.
            _INHERITED.append((self._readers, self._writer))
            self._readers, self._writer = [], None
            self._part = self._lock = None

    def __getstate__(self) -> dict:
        return {'folder': self.folder}

    def __setstate__(self, state: dict) -> None:
        self.__init__(state['folder'])  # type: ignore[misc]

    # -- merging ---------------------------------------------------------

    def recover(self) -> None:
        """Seal the files of writers that were killed on this machine.

        What a writer had not finished is rolled back. Files of writers that
        are alive, or that run elsewhere, stay as they are.
        """
        for path in self._paths('.part'):
            with _claimed(path) as dead:
                if not dead:
                    continue
                with contextlib.closing(sqlite3.connect(path)) as db:
                    whole = db.execute(
                        "SELECT count(*) FROM sqlite_master WHERE name='texts'"
                    ).fetchone()[0]
                # SQLite leaves a journal that it had nothing to do with.
                journal = path.with_name(f'{path.name}-journal')
                journal.unlink(missing_ok=True)
                if whole:
                    path.rename(path.with_suffix('.db'))
                else:
                    path.unlink()
                path.with_suffix('.lock').unlink()

    def merge(self) -> None:
        """Join all files into one; seals this store's own file first.

        Files of writers that are alive, or that another machine may still
        be writing, are copied and stay. Two processes that merge at the same
        time lose nothing: a merged file is one more file.
        """
        self.close()
        self.recover()
        sealed, parts = self._paths('.db'), self._paths('.part')
        if len(sealed) + len(parts) == 0 or (len(sealed) == 1 and not parts):
            return
        target = self.folder / f'merged-{os.urandom(4).hex()}.tmp'
        with contextlib.closing(
            sqlite3.connect(target, isolation_level=None)
        ) as db:
            # Not durable until it is whole and synced below.
            db.execute('PRAGMA journal_mode=OFF')
            db.execute('PRAGMA synchronous=OFF')
            db.execute('PRAGMA cache_size=-32000')
            db.executescript(SCHEMA)
            for path in sealed:
                with contextlib.closing(connect_sealed(path)) as source:
                    _append(db, source)
            for path in parts:
                with open_part(path) as part:
                    if part is not None:
                        _append(db, part)
            # Makes finding all accepted keys independent of the texts' size.
            db.execute('CREATE INDEX accepted ON texts(failed)')
        _sync(target)
        target.rename(target.with_suffix('.db'))
        _sync(self.folder)
        for path in sealed:
            path.unlink(missing_ok=True)


_INHERITED: list = []


def _append(db: sqlite3.Connection, source: sqlite3.Connection) -> None:
    db.execute('BEGIN')
    for table, width in (('prompts', 2), ('origins', 3), ('texts', 11)):
        marks = ','.join('?' * width)
        conflict = KEEP_BEST if table == 'texts' else 'ON CONFLICT DO NOTHING'
        db.executemany(
            f'INSERT INTO {table} VALUES({marks}) {conflict}',
            source.execute(f'SELECT * FROM {table} ORDER BY id'),
        )
    db.execute('COMMIT')


def _shadowed(
    files: Sequence[sqlite3.Connection], position: int, record: TextRecord
) -> bool:
    """Whether another file holds a better, or the same, record."""
    for other, file in enumerate(files):
        if other == position:
            continue
        row = file.execute(
            'SELECT failed FROM texts WHERE id=?', (record.key,)
        ).fetchone()
        if row is None:
            continue
        mine = int(record.status != 'ok')
        if row[0] < mine or (row[0] == mine and other < position):
            return True
    return False


def _machine() -> str:
    """Name of this machine, different after each start of it."""
    boot = Path('/proc/sys/kernel/random/boot_id')
    mark = boot.read_text() if boot.exists() else ''
    host = socket.gethostname()
    digest = hashlib.blake2b(f'{host}{mark}'.encode(), digest_size=6)
    return digest.hexdigest()


@contextlib.contextmanager
def _claimed(part: Path) -> Iterator[bool]:
    """Hold the lock of a writer of this machine that is gone.

    Yields False if the writer is alive, runs elsewhere, or if somebody else
    takes care of its file.
    """
    if not part.name.startswith(f'{_machine()}-'):
        yield False
        return
    try:
        lock = os.open(part.with_suffix('.lock'), os.O_RDWR)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield part.exists()
    except BlockingIOError:
        yield False
    finally:
        os.close(lock)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
