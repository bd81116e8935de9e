"""One SQLite file of the text store: schema, opening, writing, reading."""

import contextlib
import hashlib
import json
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

from mmlatte.sample_key import decode_id, encode_id

from .text_record import KINDS, TextRecord

__all__ = ['connect_new', 'connect_sealed', 'insert', 'open_part', 'records']

#: Changes with the schema and with what a key is.
VERSION = 3

SCHEMA = f"""
PRAGMA user_version={VERSION};
CREATE TABLE prompts(id INTEGER PRIMARY KEY, prompt TEXT NOT NULL);
CREATE TABLE origins(
    id INTEGER PRIMARY KEY, model TEXT NOT NULL, params TEXT NOT NULL);
CREATE TABLE texts(
    id INTEGER PRIMARY KEY, image BLOB NOT NULL, sample BLOB NOT NULL,
    kind INTEGER NOT NULL, prompt INTEGER NOT NULL, text TEXT NOT NULL,
    failed INTEGER NOT NULL, reason TEXT NOT NULL, members BLOB NOT NULL,
    origin INTEGER NOT NULL, attempts INTEGER NOT NULL, created REAL NOT NULL);
"""

#: An accepted text replaces a failure; otherwise the first one stays.
KEEP_BEST = (
    'ON CONFLICT(id) DO UPDATE SET text=excluded.text, failed=0, '
    'reason=excluded.reason, members=excluded.members, '
    'origin=excluded.origin, attempts=texts.attempts+excluded.attempts, '
    'created=excluded.created WHERE texts.failed=1 AND excluded.failed=0'
)


def connect_new(path: Path) -> sqlite3.Connection:
    """Create a file for one writer; returning from a commit means durable.

    The rollback journal is used: write-ahead logs need shared memory, which
    network file systems do not have.
    """
    db = sqlite3.connect(path, timeout=600, isolation_level=None)
    db.execute('PRAGMA journal_mode=DELETE')
    db.execute('PRAGMA synchronous=EXTRA')
    db.executescript(f'BEGIN; {SCHEMA} COMMIT;')
    return db


def connect_sealed(path: Path) -> sqlite3.Connection:
    """Open a file that nobody writes any more; no locks are taken.

    Raises:
        RuntimeError: If another version of mmlatte wrote it.
    """
    uri = f'file:{quote(str(path))}?mode=ro&immutable=1'
    db = sqlite3.connect(uri, uri=True, check_same_thread=False)
    db.execute('PRAGMA cache_size=-16000')
    _check_version(db, path)
    return db


def _check_version(db: sqlite3.Connection, path: Path) -> None:
    version = db.execute('PRAGMA user_version').fetchone()[0]
    if version != VERSION:
        db.close()
        raise RuntimeError(
            f'{path} is a text store of version {version}, and this mmlatte '
            f'reads version {VERSION}. Use the mmlatte that wrote it, or '
            'move its folder away to have the texts written anew.'
        )


@contextlib.contextmanager
def open_part(path: Path) -> Iterator[sqlite3.Connection | None]:
    """Read a file whose writer may be alive or dead, without changing it.

    A journal that stays beside the file was left by a killed writer: file
    and journal are copied, and the copy is rolled back. Yields None for a
    file whose writer was killed before it held a table.

    Raises:
        RuntimeError: If the file cannot be read.
    """
    uri = f'file:{quote(str(path))}?mode=ro'
    problem: Exception | None = None
    with contextlib.ExitStack() as stack:
        for attempt in range(4):
            journal = path.with_name(f'{path.name}-journal')
            try:
                if attempt < 2 or not journal.exists():
                    db = sqlite3.connect(uri, uri=True, timeout=60)
                else:
                    folder = Path(
                        stack.enter_context(tempfile.TemporaryDirectory())
                    )
                    db = sqlite3.connect(_copy(path, folder))
                stack.callback(db.close)
                tables = db.execute(
                    "SELECT count(*) FROM sqlite_master WHERE name='texts'"
                ).fetchone()[0]
                break
            except (sqlite3.Error, OSError) as error:
                problem = error
                time.sleep(0.2)
        else:
            raise RuntimeError(
                f'cannot read {path}, a file of the text store: {problem}. '
                'Is its disk mounted and healthy? Move the file away to go '
                'on without its texts.'
            )
        if tables:
            _check_version(db, path)
        yield db if tables else None


def _copy(path: Path, folder: Path) -> Path:
    target = folder / path.name
    shutil.copyfile(path, target)
    journal = path.with_name(f'{path.name}-journal')
    if journal.exists():
        shutil.copyfile(journal, folder / journal.name)
    return target


def insert(db: sqlite3.Connection, batch: Iterable[TextRecord]) -> None:
    """Write records in one durable transaction."""
    prompts: dict[str, int] = {}
    origins: dict[str, tuple[int, str, str]] = {}
    rows = []
    # A batch has few prompts and origins: each is hashed once.
    for record in batch:
        if record.prompt not in prompts:
            prompts[record.prompt] = _number(record.prompt)
        origin = f'{record.model}\n{record.params}'
        if origin not in origins:
            params = json.dumps(record.params, sort_keys=True)
            number = _number(f'{record.model}\n{params}')
            origins[origin] = (number, record.model, params)
        rows.append(
            (
                record.key,
                bytes.fromhex(record.image),
                encode_id(record.sample_id),
                KINDS.index(record.kind),
                prompts[record.prompt],
                # Half a surrogate pair cannot be stored as text.
                record.text.encode('utf-8', 'replace').decode('utf-8'),
                int(record.status != 'ok'),
                record.reason.encode('utf-8', 'replace').decode('utf-8'),
                b'\0'.join(map(encode_id, record.members)),
                origins[origin][0],
                record.attempts,
                record.created or time.time(),
            )
        )
    # Neighbours in the tree are written together.
    rows.sort()
    db.execute('BEGIN IMMEDIATE')
    try:
        db.executemany(
            'INSERT OR IGNORE INTO prompts VALUES(?,?)',
            [(number, prompt) for prompt, number in prompts.items()],
        )
        db.executemany(
            'INSERT OR IGNORE INTO origins VALUES(?,?,?)',
            list(origins.values()),
        )
        db.executemany(
            'INSERT INTO texts VALUES(?,?,?,?,?,?,?,?,?,?,?,?) ' + KEEP_BEST,
            rows,
        )
        db.execute('COMMIT')
    except BaseException:
        db.execute('ROLLBACK')
        raise


def records(
    db: sqlite3.Connection, where: str = '1', values: tuple = ()
) -> Iterator[TextRecord]:
    """Read the records of a file in the order of their keys."""
    query = (
        'SELECT sample, kind, prompts.prompt, text, failed, reason, members, '
        'model, params, attempts, created, image FROM texts '
        'JOIN prompts ON prompts.id = texts.prompt '
        f'JOIN origins ON origins.id = origin WHERE {where} ORDER BY texts.id'
    )
    for row in db.execute(query, values):
        yield TextRecord(
            sample_id=decode_id(row[0]),
            kind=KINDS[row[1]],
            prompt=row[2],
            text=row[3],
            status='failed' if row[4] else 'ok',
            reason=row[5],
            members=tuple(map(decode_id, row[6].split(b'\0')))
            if row[6]
            else (),
            model=row[7],
            params=json.loads(row[8]),
            attempts=row[9],
            created=row[10],
            image=row[11].hex(),
        )


def _number(text: str) -> int:
    digest = hashlib.blake2b(text.encode('utf-8', 'replace'), digest_size=8)
    return int.from_bytes(digest.digest(), 'little') >> 1
