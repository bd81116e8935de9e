"""Fetch a file, unpack an archive: whole or not at all, and once."""

import contextlib
import hashlib
import http.client
import json
import os
import shutil
import stat
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from filelock import FileLock
from mmengine.logging import print_log
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

CHUNK = 1 << 18
#: Interruptions that a download survives before it gives up.
RETRIES = 4


@contextlib.contextmanager
def only_one(folder: str | Path, name: str) -> Iterator[None]:
    """Let one process at a time prepare `name` in a folder.

    The others wait. The lock ends with the process that holds it.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    with FileLock(Path(folder) / f'.{name}.lock'):
        yield


def download(
    url: str,
    target: str | Path,
    md5: str | None = None,
    timeout: float = 20,
) -> None:
    """Download a file; it appears under its name when it is complete.

    What was fetched before an interruption stays in ``<target>.part`` and is
    not fetched again.

    Args:
        url (str): Where the file is.
        target (str | Path): Where it shall be.
        md5 (str, optional): Checksum of the whole file.
        timeout (float): Seconds without an answer or data that count as an
            interruption. Defaults to 20.

    Raises:
        RuntimeError: If the file cannot be fetched, or is another one; for a
            ``.json`` target also if what came back is no JSON.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f'{target.name}.part')
    print_log(f'Downloading {url} to {target}', logger='current')
    for attempt in range(RETRIES + 1):
        before = _size(part)
        try:
            _fetch(url, part, timeout)
            break
        except (OSError, http.client.HTTPException) as error:
            progressed = _size(part) > before
            if attempt == RETRIES or not (progressed or attempt):
                raise RuntimeError(_failure(url, target, error)) from error
            time.sleep(min(2**attempt, 8) / 2)
    if md5 is not None:
        found = _md5(part)
        if found != md5:
            part.unlink()
            raise RuntimeError(
                f'{url} is not the expected file: its MD5 is {found}, not '
                f'{md5}. It was deleted. Try again, or fetch the right file '
                f"by hand and put it at '{target}'."
            )
    if target.suffix == '.json':
        _check_json(part, url, target)
    os.replace(part, target)


def extract_zip(archive: str | Path, target: str | Path, member: str) -> None:
    """Extract one top folder of a ZIP; it appears when it is complete.

    Args:
        archive (str | Path): The ZIP file.
        target (str | Path): The new folder; gets what is in `member`.
        member (str): Name of a top folder inside the archive.

    Raises:
        RuntimeError: If the archive is broken, lacks the folder, or has
            members that would land outside of it. Nothing is extracted then.
    """
    target = Path(target)
    scratch = target.with_name(f'.{target.name}.extracting')
    print_log(f'Extracting {archive} to {target}', logger='current')
    try:
        with zipfile.ZipFile(archive) as source:
            members = _safe_members(source, archive, member)
            needed = sum(info.file_size for info in members)
            free = shutil.disk_usage(target.parent).free
            if needed > free:
                raise RuntimeError(
                    f"'{archive}' needs {needed >> 20} MiB in "
                    f"'{target.parent}', which has {free >> 20} MiB left."
                )
            # What a killed run left behind.
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(parents=True)
            with _progress('Extracting', needed) as advance:
                for info in members:
                    source.extract(info, scratch)
                    advance(info.file_size)
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        shutil.rmtree(scratch, ignore_errors=True)
        raise RuntimeError(
            f"'{archive}' is no intact ZIP archive ({error}); delete it and "
            'fetch it again.'
        ) from error
    os.rename(scratch / member, target)
    shutil.rmtree(scratch)


def _fetch(url: str, part: Path, timeout: float) -> None:
    """Fetch what `part` still lacks."""
    done = _size(part)
    request = urllib.request.Request(url, headers={'User-Agent': 'mmlatte'})
    if done:
        request.add_header('Range', f'bytes={done}-')
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # Nothing is lacking.
            return
        raise
    with response:
        # A server may ignore the range and send the whole file.
        resumed = response.status == 206
        length = response.headers.get('Content-Length')
        start = done if resumed else 0
        total = start + int(length) if length else None
        with (
            open(part, 'ab' if resumed else 'wb') as file,
            _progress('Downloading', total, start) as advance,
        ):
            while chunk := response.read(CHUNK):
                file.write(chunk)
                advance(len(chunk))
    if total is not None and _size(part) < total:
        raise ConnectionError(f'ended after {_size(part)} of {total} bytes')


def _safe_members(
    source: zipfile.ZipFile, archive: str | Path, member: str
) -> list[zipfile.ZipInfo]:
    """Return what is below `member`; refuse the archive if it is hostile."""
    members = []
    for info in source.infolist():
        path = PurePosixPath(info.filename)
        windows = PureWindowsPath(info.filename)
        outside = (
            path.is_absolute()
            or bool(windows.drive or windows.root)
            or '..' in path.parts
            or '..' in windows.parts
        )
        if outside or stat.S_ISLNK(info.external_attr >> 16):
            kind = 'lies outside of it' if outside else 'is a link'
            raise RuntimeError(
                f"'{archive}' was refused: its member {info.filename!r} "
                f'{kind}. Nothing was extracted.'
            )
        if path.parts and path.parts[0] == member and not info.is_dir():
            members.append(info)
    if not members:
        raise RuntimeError(f"'{archive}' holds no folder '{member}/'.")
    return members


@contextlib.contextmanager
def _progress(what: str, total: int | None, start: int = 0):
    """Show a progress bar; yields a function that advances it."""
    columns = (
        TextColumn(what),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress:
        task = progress.add_task(what, total=total, completed=start)
        yield lambda amount: progress.advance(task, amount)


def _failure(url: str, target: Path, error: Exception) -> str:
    kept = ''
    part = target.with_name(f'{target.name}.part')
    if _size(part):
        kept = ' The part that arrived is kept; a new start continues it.'
    return (
        f'Cannot download {url}: {error}.{kept} Without a network, fetch '
        f"this file elsewhere and put it at '{target}'."
    )


def _check_json(part: Path, url: str, target: Path) -> None:
    """Delete a page that a server, or a portal, sent in place of a file."""
    try:
        json.loads(part.read_text(encoding='utf-8'))
    except ValueError as error:
        with open(part, 'rb') as file:
            start = file.read(60).decode(errors='replace')
        part.unlink()
        raise RuntimeError(
            f'{url} sent no JSON but {start!r} ... It was deleted. Open the '
            'address in a browser to see its message (a limit of downloads, '
            'a login, a question); try again later, or fetch the right file '
            f"by hand and put it at '{target}'."
        ) from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, 'rb') as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
