"""Unpack a tar archive: whole or not at all."""

import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from mmengine.logging import print_log

__all__ = ['extract_tar']


def extract_tar(archive: str | Path, target: str | Path, member: str) -> None:
    """Extract one folder of a tar file; it appears when it is complete.

    Args:
        archive (str | Path): The file, compressed or not.
        target (str | Path): The new folder; gets what is in `member`.
        member (str): Path of a folder inside the archive.

    Raises:
        RuntimeError: If the archive is broken, lacks the folder, or has
            members that would land outside of it.
    """
    target = Path(target)
    scratch = target.with_name(f'.{target.name}.extracting')
    shutil.rmtree(scratch, ignore_errors=True)
    print_log(f'Extracting {archive} to {target}', logger='current')
    wanted = PurePosixPath(member)
    try:
        with tarfile.open(archive) as source:
            for info in source:
                path = PurePosixPath(info.name)
                if path == wanted or wanted in path.parents:
                    # Refuses links and paths that leave the folder.
                    source.extract(info, scratch, filter='data')
    except (tarfile.TarError, EOFError, OSError) as error:
        shutil.rmtree(scratch, ignore_errors=True)
        raise RuntimeError(
            f"'{archive}' cannot be extracted ({error}); delete it and fetch "
            'it again.'
        ) from error
    if not (scratch / member).is_dir():
        shutil.rmtree(scratch, ignore_errors=True)
        raise RuntimeError(f"'{archive}' holds no folder '{member}/'.")
    target.parent.mkdir(parents=True, exist_ok=True)
    os.rename(scratch / member, target)
    shutil.rmtree(scratch)
