"""What launchers tell a process of itself and of the others."""

import os
import subprocess

__all__ = ['export_slurm', 'require_environment']


def require_environment(launcher: str) -> None:
    """Check that a launcher has set what torch needs.

    Args:
        launcher (str): For the message.

    Raises:
        RuntimeError: Names the variables that are missing.
    """
    names = ('RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT')
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise RuntimeError(
            f'--launcher {launcher} without {", ".join(missing)} in the '
            'environment: start with torchrun, tools/dist_train.sh or '
            'tools/slurm_train.sh'
        )


def export_slurm() -> None:
    """Translate SLURM's variables to those of torch.

    Raises:
        RuntimeError: If the host of rank 0 cannot be found.
    """
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
