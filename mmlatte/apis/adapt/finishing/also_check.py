import json
import os
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

from mmengine.logging import print_log

from mmlatte.apis.inference.measure import labelled_folder, zero_shot_top1
from mmlatte.apis.inference.run_models import RunModels
from mmlatte.apis.pages.run_facts import read_summary
from mmlatte.atomic_file import atomic_file
from mmlatte.datasets.class_folder import ClassFolder
from mmlatte.datasets.sample_index import samples_of

__all__ = ['note_also_check']


def note_also_check(
    run: Path, models: Callable[[], RunModels], folder: str
) -> bool:
    """Measure what training cost on an unrelated set, unless that is known.

    Writes ``also_check`` into ``summary.json``: the folder, its numbers of
    images and classes, zero-shot accuracy with the CLIP before and after.

    Args:
        run (Path): Work folder of a finished run.
        models (Callable): Loads its models.
        folder (str): With a sub-folder of images per class.

    Returns:
        bool: Whether it was measured now.
    """
    summary, dataset = read_summary(run), labelled_folder(folder)
    content = _content(dataset)
    if summary.get('also_check', {}).get('content') == content:
        return False
    both = models()
    adapted, frozen = both.adapted, both.frozen
    before = zero_shot_top1(frozen.model, dataset, frozen.config)
    after = before
    if adapted.model.clip.fingerprint() != frozen.model.clip.fingerprint():
        after = zero_shot_top1(adapted.model, dataset, adapted.config)
    summary['also_check'] = dict(
        folder=folder,
        content=content,
        images=len(dataset),
        classes=len(dataset.metainfo['classes']),
        before=before,
        after=after,
    )
    with atomic_file(run / 'summary.json') as file:
        file.write(json.dumps(summary, indent=2).encode() + b'\n')
    print_log(
        f'zero-shot accuracy on {folder}: {before:.2f} % before, '
        f'{after:.2f} % after',
        'current',
    )
    return True


def _content(dataset: ClassFolder) -> str:
    """Return what stands for the files: their paths, sizes and times."""
    facts = []
    for path in samples_of(dataset).paths():
        status = os.stat(path)
        facts.append((path, status.st_size, status.st_mtime_ns))
    return blake2b(repr(sorted(facts)).encode(), digest_size=16).hexdigest()
