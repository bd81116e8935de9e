"""Many files of a text store become one; killed writers' files are sealed."""

import contextlib
import os
import sqlite3
from pathlib import Path

from .store_file import KEEP_BEST, SCHEMA, connect_sealed, open_part
from .writer_lock import claimed

__all__ = ['files_of', 'merge_files', 'recover_files']


def files_of(folder: Path, suffix: str) -> list[Path]:
    """Files of a store: sealed (``.db``) or not (``.part``), large first."""
    if not folder.is_dir():
        return []
    paths = [path for path in folder.iterdir() if path.suffix == suffix]
    # The merged file is the largest: it is asked first.
    return sorted(paths, key=lambda path: (-_size(path), path.name))


def recover_files(folder: Path) -> None:
    """Seal the files of dead writers (`mmlatte.lmm.TextStore.recover`)."""
    for path in files_of(folder, '.part'):
        with claimed(path) as dead:
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


def merge_files(folder: Path) -> None:
    """Join the files of a store (`mmlatte.lmm.TextStore.merge`)."""
    sealed, parts = files_of(folder, '.db'), files_of(folder, '.part')
    if len(sealed) + len(parts) == 0 or (len(sealed) == 1 and not parts):
        return
    target = folder / f'merged-{os.urandom(4).hex()}.tmp'
    try:
        _merge(sealed, parts, target)
    except sqlite3.OperationalError:
        target.unlink()
        if all(path.exists() for path in sealed):
            raise
        # Another process merged meanwhile: list the files again.
        merge_files(folder)
        return
    target.rename(target.with_suffix('.db'))
    _sync(folder)
    for path in sealed:
        path.unlink(missing_ok=True)


def _merge(sealed: list[Path], parts: list[Path], target: Path) -> None:
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


def _append(db: sqlite3.Connection, source: sqlite3.Connection) -> None:
    db.execute('BEGIN')
    for table, width in (('prompts', 2), ('origins', 3), ('texts', 12)):
        marks = ','.join('?' * width)
        conflict = KEEP_BEST if table == 'texts' else 'ON CONFLICT DO NOTHING'
        db.executemany(
            f'INSERT INTO {table} VALUES({marks}) {conflict}',
            source.execute(f'SELECT * FROM {table} ORDER BY id'),
        )
    db.execute('COMMIT')


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
