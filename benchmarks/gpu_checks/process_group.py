"""Training through NCCL (gloo on a CPU) with one rank."""

import os
import socket
from collections.abc import Iterator

import torch
import torch.distributed as dist

from .sizes import Size, build_training

STEPS = 5


def process_group(size: Size) -> Iterator[tuple[str, str]]:
    """Take the steps of a model that is wrapped, and of one that is not."""
    from mmlatte.engine import DistributedMethod

    backend = 'nccl' if size.device == 'cuda' else 'gloo'
    model, wrapper, data = build_training(size, size.batch)
    alone = [
        model.train_step(data, wrapper)['loss'].item() for _ in range(STEPS)
    ]
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    dist.init_process_group(backend, rank=0, world_size=1)
    model, wrapper, data = build_training(size, size.batch)
    device_ids = [torch.cuda.current_device()] if backend == 'nccl' else None
    wrapped = DistributedMethod(module=model, device_ids=device_ids)
    losses = [
        wrapped.train_step(data, wrapper)['loss'].item() for _ in range(STEPS)
    ]
    dist.destroy_process_group()
    most = max(abs(a - b) / abs(b) for a, b in zip(losses, alone, strict=True))
    text = f'losses of {STEPS} steps differ by {most:.1e} of themselves'
    good = most <= 1e-3
    yield f'{backend}, one rank', text if good else f'failed: {text}'
