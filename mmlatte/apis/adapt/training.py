"""Batches, epochs and views of a training on a user's folder."""

from typing import TYPE_CHECKING

from mmengine.config import Config

from mmlatte.models.clip import OpenCLIP

if TYPE_CHECKING:
    from .options import AdaptOptions

__all__ = ['batch_size', 'set_training']

#: Images per step at most: the published 512 where memory allows.
LARGEST_BATCH = {'cuda': 512, 'cpu': 128}
#: Steps of a run: the median of the published schedules on a GPU, what two
#: cores do in minutes with a small CLIP on a CPU.
STEPS = {'cuda': 600, 'cpu': 120}


def set_training(
    cfg: Config, options: 'AdaptOptions', clip: OpenCLIP, count: int
) -> None:
    """Set what a training has, and a fit has not.

    Args:
        cfg (Config): Changed.
        options (AdaptOptions): The choices.
        clip (OpenCLIP): The CLIP, for its image size.
        count (int): Number of images.
    """
    loader, hooks = cfg.train_dataloader, cfg.default_hooks
    # Neither loads nor packs.
    look = cfg.test_pipeline[1:-1]
    _set_views(loader.dataset.pipeline, clip.image_size, look)
    kind = options.device.split(':')[0]
    loader.batch_size = options.batch_size or batch_size(
        count, LARGEST_BATCH[kind]
    )
    per_epoch = -(-count // loader.batch_size)
    epochs = options.epochs or -(-STEPS[kind] // per_epoch)
    cfg.train_cfg.max_epochs = epochs
    if options.test is not None:
        cfg.train_cfg.val_interval = epochs
    cfg.param_scheduler.end = epochs
    hooks.checkpoint.interval = max(1, epochs // 4)
    hooks.logger.interval = max(1, min(20, per_epoch // 2))


def _set_views(pipeline: list, size: tuple[int, int], look: list) -> None:
    """Make the views as large as the CLIP's images.

    Args:
        pipeline (list): That of the training images.
        size (tuple[int, int]): Height and width.
        look (list): What frozen CLIP does with an image, as the weak view.
    """
    for step in pipeline:
        if step.type == 'mmpretrain.RandomResizedCrop':
            step.scale = size[::-1]
        elif step.type == 'mmpretrain.MultiView':
            step.transforms[0] = look
            _set_views(step.transforms[1], size, look)


def batch_size(count: int, largest: int) -> int:
    """Return the largest power of two that leaves eight steps an epoch.

    Args:
        count (int): Number of images.
        largest (int): Upper bound, the published 512 where memory allows.

    Examples:
        >>> [batch_size(n, 512) for n in (50, 500, 3840, 100_000)]
        [16, 32, 256, 512]
    """
    size = 16
    while 2 * size <= min(largest, count // 8):
        size *= 2
    return size
