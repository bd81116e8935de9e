"""Where the texts of one LMM are kept."""

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from .known_keys import KnownKeys
from .store_file import (
    connect_new,
    connect_sealed,
    insert,
    open_part,
    records,
)
from .text_merge import files_of, merge_files, recover_files
from .text_record import KINDS, TextRecord
from .writer_lock import lock_writer, machine_name

__all__ = ['TextStore']


class TextStore:
    """Texts on disk: a folder of SQLite files that are read as one.

    Every writer has a file of its own (``<writer>.part``), which no other
    process ever writes. :meth:`close` seals it (``<writer>.db``), and
    :meth:`merge` joins everything into one file. What :meth:`put` was given
    is durable when it returns: killing the process at any instant loses
    nothing that was acknowledged. Reading needs little memory and works in
    forked workers, each of which opens the files for itself.

    A key (:func:`mmlatte.lmm.store.record_key`) is a text's row number
    in whatever file holds it: :meth:`resolve` turns keys into an int array
    once, and workers read texts by that number.

    Args:
        folder (str | Path): Folder of the store; one per LMM (see
            :func:`mmlatte.lmm.store.store_folder`).

    Examples:
        >>> import tempfile
        >>> from mmlatte.lmm import record_key
        >>> record = TextRecord('Forest/1.jpg', 'image', 'Describe.', 'Trees.')
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with TextStore(folder) as store:
        ...         store.put([record])
        ...     key = record_key('Forest/1.jpg', 'image', 'Describe.')
        ...     TextStore(folder).text(key)
        'Trees.'
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
        name = f'{machine_name()}-{os.getpid()}-{os.urandom(4).hex()}'
        # The lock shows processes on this machine that the writer lives.
        self._lock = lock_writer(self.folder / f'{name}.lock')
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
        return self.known().resolve(keys)

    def failed(self, keys: np.ndarray) -> np.ndarray:
        """Which keys the store holds as failed only.

        Returns:
            np.ndarray: bool, the shape of ``keys``.
        """
        return self.known().failed(keys)

    def known(self) -> KnownKeys:
        """What the store holds at this moment: one pass over its files."""
        with self._all_files() as files:
            return KnownKeys.read(files)

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
            try:
                found = _find(self._readers, row)
            except sqlite3.Error:
                # Network disks take a merged file away from its readers.
                if again:
                    raise
                continue
            if found is not None:
                return found
        with self._unsealed() as parts:
            found = _find(parts, row)
            if found is not None:
                return found
        raise KeyError(f'no text {row} in {self.folder}')

    def records(self, kind: str | None = None) -> Iterator[TextRecord]:
        """All records, each once, an accepted text before a failure.

        Args:
            kind (str | None): Those of one kind alone.
        """
        which: tuple = ('1', ())
        if kind is not None:
            which = ('kind=?', (KINDS.index(kind),))
        with self._all_files() as files:
            for position, file in enumerate(files):
                for record in records(file, *which):
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
        return self.known().accepted

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
            for path in files_of(self.folder, '.part'):
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
                for path in files_of(self.folder, '.db'):
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
        recover_files(self.folder)

    def merge(self) -> None:
        """Join all files into one; seals this store's own file first.

        Files of writers that are alive, or that another machine may still
        be writing, are copied and stay. Two processes that merge at the same
        time lose nothing: a merged file is one more file.
        """
        self.close()
        recover_files(self.folder)
        merge_files(self.folder)


_INHERITED: list = []


def _find(files: Sequence[sqlite3.Connection], row: int) -> str | None:
    """The accepted text of a row number, of the first file that holds it."""
    for file in files:
        found = file.execute(
            'SELECT text FROM texts WHERE id=? AND failed=0', (int(row),)
        ).fetchone()
        if found:
            return found[0]
    return None


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
