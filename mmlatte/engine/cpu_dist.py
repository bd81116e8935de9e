from datetime import timedelta

import torch.distributed as dist
from mmengine.config import Config

from .rank_environment import export_slurm, require_environment

#: Model wrappers that need no GPU.
DATA_PARALLEL = ('mmlatte.DistributedMethod', 'MMDistributedDataParallel')


def init_cpu_dist(cfg: Config) -> None:
    """Start the process group of a machine without GPU, before the Runner.

    mmengine selects a CUDA device for every launched process; with a process
    group in place (gloo) it leaves that out. The model is then wrapped
    without device ids.

    Args:
        cfg (Config): Config with ``launcher`` ``'pytorch'`` or ``'slurm'``;
            ``model_wrapper_cfg`` is completed in place.

    Raises:
        ValueError: If launcher or wrapper cannot be used without GPU.
        RuntimeError: If the launcher's environment variables are missing, or
            SLURM does not name the node of rank 0.
    """
    wrapper = dict(
        type='mmlatte.DistributedMethod',
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False),
    )
    wrapper.update(cfg.get('model_wrapper_cfg') or {}, device_ids=None)
    if wrapper['type'] not in DATA_PARALLEL:
        raise ValueError(
            f'model_wrapper_cfg type {wrapper["type"]!r} needs GPUs; without, '
            "use 'mmlatte.DistributedMethod'"
        )
    cfg.model_wrapper_cfg = wrapper
    if dist.is_initialized():
        return
    if cfg.launcher == 'slurm':
        export_slurm()
    elif cfg.launcher != 'pytorch':
        raise ValueError(
            f'launcher {cfg.launcher!r} needs GPUs; without, use '
            "'pytorch' (tools/dist_train.sh) or 'slurm'"
        )
    require_environment(cfg.launcher)
    seconds = cfg.get('env_cfg', {}).get('dist_cfg', {}).get('timeout')
    timeout = None if seconds is None else timedelta(seconds=seconds)
    dist.init_process_group('gloo', timeout=timeout)
