"""Building a Runner from a config and the common command-line options."""

import argparse
import gc
import os
import os.path as osp

import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.runner import Runner

from mmlatte.engine import init_cpu_dist

from .compose_config import compose_config
from .images import skip_unreadable
from .preflight import PreflightError, preflight

__all__ = [
    'build_runner',
    'leave_process_group',
    'load_config',
]


def load_config(args: argparse.Namespace) -> Config:
    """Read the config and merge the common options into it.

    Args:
        args (argparse.Namespace): Parsed options of `add_common_options`.

    Returns:
        Config: With ``work_dir``: the option, else the config's own, else
        ``work_dirs/<config name>``; with its parts' names where it is
        composed.
    """
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    try:
        cfg = compose_config(args.config, args.data, args.clip)
    except (FileNotFoundError, ValueError) as error:
        raise PreflightError(str(error)) from None
    if args.cfg_options:
        cfg.merge_from_dict(args.cfg_options)
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        name = osp.splitext(osp.basename(args.config))[0]
        name = cfg.get('composed_name', name)
        cfg.work_dir = osp.join('work_dirs', name)
    for part in ('train', 'val', 'test'):
        loader = cfg.get(f'{part}_dataloader')
        if loader is None:
            continue
        pin = torch.cuda.is_available() and not args.no_pin_memory
        loader.setdefault('pin_memory', pin)
        loader.setdefault('collate_fn', dict(type='mmlatte.stack_samples'))
        if args.no_persistent_workers or not loader.get('num_workers'):
            loader.persistent_workers = False
        else:
            loader.setdefault('persistent_workers', True)
    return cfg


def build_runner(cfg: Config) -> Runner:
    """Build the runner, on machines with and without a GPU.

    Args:
        cfg (Config): A complete config. With ``skip_unreadable`` its data
            sets leave out images that cannot be read.

    Raises:
        PreflightError: If weights or data are missing, see `preflight`.
    """
    if cfg.get('skip_unreadable'):
        skip_unreadable(cfg)
    preflight(cfg)
    if cfg.launcher != 'none':
        wrapper = dict(
            type='mmlatte.DistributedMethod',
            find_unused_parameters=cfg.get('find_unused_parameters', False),
        )
        wrapper.update(cfg.get('model_wrapper_cfg') or {})
        cfg.model_wrapper_cfg = wrapper
        if not torch.cuda.is_available():
            init_cpu_dist(cfg)
    if 'runner_type' not in cfg:
        return Runner.from_cfg(cfg)
    from mmengine.registry import RUNNERS

    return RUNNERS.build(cfg)


def leave_process_group() -> None:
    """Close the connections to the other ranks, when a tool's work is done.

    A process that ends with them open can be aborted by a thread of gloo while
    Python shuts down ("terminate called without an active exception"), or end
    before its last transfer (NCCL). The threads of gloo end with the last
    model that the group wraps, so call this where no runner is left. Not for
    the way out of an error: this rank would wait for others that wait in a
    collective.
    """
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
        # Runner, hooks and model refer to each other.
        gc.collect()
