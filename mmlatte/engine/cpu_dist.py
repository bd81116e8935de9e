import os
import subprocess
from datetime import timedelta

import torch.distributed as dist
from mmengine.config import Config

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
        _export_slurm()
    elif cfg.launcher != 'pytorch':
        raise ValueError(
            f'launcher {cfg.launcher!r} needs GPUs; without, use '
            "'pytorch' (tools/dist_train.sh) or 'slurm'"
        )
    names = ('RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT')
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise RuntimeError(
            f'--launcher {cfg.launcher} without {", ".join(missing)} in the '
            'environment: start with tools/dist_train.sh or '
            'tools/slurm_train.sh'
        )
    seconds = cfg.get('env_cfg', {}).get('dist_cfg', {}).get('timeout')
    timeout = None if seconds is None else timedelta(seconds=seconds)
    dist.init_process_group('gloo', timeout=timeout)


def _export_slurm() -> None:
    """Translate SLURM's variables to those of torch."""
    for name, slurm in (
        ('RANK', 'SLURM_PROCID'),
        ('LOCAL_RANK', 'SLURM_LOCALID'),
        ('WORLD_SIZE', 'SLURM_NTASKS'),
    ):
        if slurm in os.environ:
            os.environ.setdefault(name, os.environ[slurm])
    if 'MASTER_ADDR' not in os.environ and 'SLURM_NODELIST' in os.environ:
        os.environ['MASTER_ADDR'] = _first_node(os.environ['SLURM_NODELIST'])
    os.environ.setdefault('MASTER_PORT', '29500')


def _first_node(nodes: str) -> str:
    """Return the host of rank 0, the first of a list as ``gpu[07-09,12]``."""
    if not set(nodes) & set('[,'):
        return nodes
    try:
        done = subprocess.run(
            ['scontrol', 'show', 'hostnames', nodes],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()[0]
    except (OSError, subprocess.CalledProcessError, IndexError) as error:
        raise RuntimeError(
            'scontrol does not name the first host of '
            f'SLURM_NODELIST={nodes}; set MASTER_ADDR to the host of rank 0'
        ) from error
