import json
from collections.abc import Callable
from pathlib import Path

from mmengine.logging import print_log

from mmlatte.apis.inference.measure import labelled_folder, zero_shot_top1
from mmlatte.apis.inference.run_models import RunModels
from mmlatte.apis.pages.run_facts import read_summary
from mmlatte.atomic_file import atomic_file

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
    summary = read_summary(run)
    if summary.get('also_check', {}).get('folder') == folder:
        return False
    dataset, both = labelled_folder(folder), models()
    adapted, frozen = both.adapted, both.frozen
    before = zero_shot_top1(frozen.model, dataset, frozen.config)
    after = before
    if adapted.model.clip.fingerprint() != frozen.model.clip.fingerprint():
        after = zero_shot_top1(adapted.model, dataset, adapted.config)
    summary['also_check'] = dict(
        folder=folder,
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
