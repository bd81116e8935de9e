"""Finding the checkpoint with which a run can go on."""

import logging
import zipfile
from pathlib import Path

from mmengine.logging import print_log

from mmlatte.compat import load_from_local


def find_resumable_checkpoint(work_dir: str | Path) -> str | None:
    """Return the newest intact checkpoint of a run.

    Newest is what has trained longest, not what was written last. Files
    without an optimizer (the best model, published weights) do not count; a
    damaged file is left out with a message.

    Args:
        work_dir (str | Path): The work folder of the run.

    Returns:
        str | None: Path of the checkpoint, None if there is none.

    Raises:
        RuntimeError: If a checkpoint holds pickled objects.
    """
    folder = Path(work_dir)
    paths = set(folder.glob('*.pth'))
    last = folder / 'last_checkpoint'  # checkpoints may live elsewhere
    if last.is_file() and Path(last.read_text().strip()).is_file():
        paths |= set(Path(last.read_text().strip()).parent.glob('*.pth'))
    positions = {path: _position(path) for path in paths}
    resumable = [path for path, at in positions.items() if at is not None]
    for path in sorted(resumable, key=positions.__getitem__, reverse=True):
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is None:
            return str(path)
        _skip(path, f'{damaged} in it has another checksum')
    return None


def _position(path: Path) -> tuple[int, int, str] | None:
    """Return how far a checkpoint has trained; None if it cannot go on."""
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith('/data.pkl'):
                    archive.read(name)  # checks the checksum
    except zipfile.BadZipFile as error:
        _skip(path, str(error))
        return None
    checkpoint = load_from_local(str(path), 'cpu', mmap=True)
    if not {'meta', 'optimizer', 'message_hub'} <= checkpoint.keys():
        return None
    meta = checkpoint['meta']
    return meta['iter'], meta['epoch'], path.name


def _skip(path: Path, reason: str) -> None:
    print_log(
        f'Skipping the damaged checkpoint {path}: {reason}',
        'current',
        logging.WARNING,
    )
