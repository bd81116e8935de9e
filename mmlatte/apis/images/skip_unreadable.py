import copy
import os
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config

from mmlatte.datasets.decode_options_of import pipeline_options
from mmlatte.datasets.indexed_dataset import IndexedDataset
from mmlatte.datasets.wrappers import is_wrapped
from mmlatte.registry import DATASETS

from .unreadable import UNREADABLE, checked_unreadable

__all__ = ['skip_unreadable']


def skip_unreadable(
    cfg: Config, parts: Sequence[str] = ('train', 'val', 'test')
) -> None:
    """Leave images that cannot be read out of the data sets of a config.

    They are listed in ``unreadable.csv`` (training images) and
    ``unreadable_val.csv``, ``unreadable_test.csv`` of the work folder. The
    first process decodes all images once; the others take its list.

    Args:
        cfg (Config): Complete; its data sets get ``leave_out``, unless they
            have it.
        parts (Sequence[str]): Whose data sets.

    Raises:
        ValueError: If a data set cannot leave images out.
    """
    folder = Path(cfg.work_dir)
    folder.mkdir(parents=True, exist_ok=True)
    cfg.skip_unreadable = True
    seen: list[tuple[dict, str]] = []
    for part in parts:
        loader = cfg.get(f'{part}_dataloader')
        if loader is None or loader.dataset.get('leave_out'):
            continue
        if is_wrapped(loader.dataset):
            raise ValueError(
                f'skip_unreadable: {part}_dataloader.dataset is '
                f'{loader.dataset.type}; name the table as leave_out of the '
                'data sets inside'
            )
        settings = {**loader.dataset, 'pipeline': []}
        same = [table for other, table in seen if other == settings]
        if same:
            loader.dataset.leave_out = same[0]
            continue
        dataset = DATASETS.build(copy.deepcopy(settings))
        if not isinstance(dataset, IndexedDataset):
            raise ValueError(
                f'skip_unreadable: {part}_dataloader.dataset is '
                f'{settings["type"]}; only data sets of mmlatte can leave '
                'images out'
            )
        name = UNREADABLE if part == 'train' else f'unreadable_{part}.csv'
        table = folder / name
        rank = int(os.environ.get('RANK', os.environ.get('SLURM_PROCID', 0)))
        checked_unreadable(
            dataset,
            pipeline_options(loader.dataset.get('pipeline', [])),
            table,
            loader.get('num_workers', 0),
            wait=rank > 0,
        )
        loader.dataset.leave_out = str(table)
        seen.append((settings, str(table)))
