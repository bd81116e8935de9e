"""What the ranks of one ``adapt`` do together."""

import copy
from pathlib import Path

from mmengine.config import Config

from mmlatte.apis.launch import build_runner
from mmlatte.apis.ranks import Ranks
from mmlatte.engine import find_resumable_checkpoint
from mmlatte.registry import DATASETS

from .answering.asking import look_at_images
from .options import AdaptOptions

__all__ = ['adapt_ranks', 'check_ranks', 'look_together', 'train_together']


def adapt_ranks(launcher: str) -> Ranks:
    """Return the ranks of this launch, see `Ranks`."""
    return Ranks({'look': _look, 'train': _train}, launcher)


def check_ranks(ranks: Ranks, cfg: Config, options: AdaptOptions) -> None:
    """Refuse choices that ranks cannot share.

    Args:
        ranks (Ranks): This process and the others.
        cfg (Config): The run, see `adapt_config`.
        options (AdaptOptions): The choices.

    Raises:
        ValueError: If a GPU is named, or the batch cannot be divided.
    """
    if ranks.size == 1:
        return
    if ':' in str(options.device):
        raise ValueError(
            f'device={options.device!r}: every one of {ranks.size} processes '
            'takes a GPU of its own; leave the device out'
        )
    size = cfg.train_dataloader.batch_size
    if cfg.train_cfg.get('max_epochs') and size % ranks.size:
        default = '' if options.batch_size else ' (the default here)'
        raise ValueError(
            f'batch_size={size}{default} cannot be shared by {ranks.size} '
            f'processes: give --batch-size, a multiple of {ranks.size}'
        )


def look_together(ranks: Ranks, cfg: Config, folder: Path) -> None:
    """Compute the frozen features of a run's images, for what needs them.

    With one rank that does it itself.

    Args:
        ranks (Ranks): This process and the others.
        cfg (Config): The run, see `adapt_config`.
        folder (Path): Folder of the results, shared by all ranks.
    """
    if ranks.size > 1:
        ranks.share('look', _write(cfg, folder))


def train_together(ranks: Ranks, cfg: Config, folder: Path) -> None:
    """Train, or fit, as one rank would: the batch is divided.

    Args:
        ranks (Ranks): This process and the others.
        cfg (Config): The run, see `adapt_config`.
        folder (Path): Folder of the results, shared by all ranks.
    """
    checkpoint = find_resumable_checkpoint(cfg.work_dir)
    cfg.resume, cfg.load_from = checkpoint is not None, checkpoint
    if ranks.size == 1:
        build_runner(cfg).train()
        return
    shared = copy.deepcopy(cfg)
    shared.launcher = 'pytorch'  # whose variables are set in any case
    if cfg.train_cfg.get('max_epochs'):
        shared.train_dataloader.batch_size //= ranks.size
    ranks.share('train', _write(shared, folder))


def _write(cfg: Config, folder: Path) -> str:
    """Write a config where all ranks can read it; return its path."""
    path = folder / 'cache' / 'ranks.py'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(cfg.pretty_text, encoding='utf-8')
    return str(path.absolute())


def _look(config: str) -> None:
    cfg = Config.fromfile(config)
    dataset = DATASETS.build({**cfg.train_dataloader.dataset, 'pipeline': []})
    look_at_images(cfg, dataset)


def _train(config: str) -> None:
    build_runner(Config.fromfile(config)).train()
