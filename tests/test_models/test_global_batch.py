"""Gradients through the gather, with real gloo processes."""

import os
import socket

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from mmlatte.models.global_batch import GlobalBatch, first_occurrences

#: Samples of every rank: uneven, and one rank without any.
SIZES = [3, 1, 0, 2]


def toy_loss(z, scale):
    """Depends on every pair of the global batch."""
    return (scale * (z @ z.T).sin()).mean()


def worker(rank: int, port: int, folder: str) -> None:
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    dist.init_process_group('gloo', rank=rank, world_size=len(SIZES))
    torch.manual_seed(0)
    layer = torch.nn.Linear(4, 3).double()
    scale = torch.nn.Parameter(torch.tensor(1.7, dtype=torch.double))
    x = torch.randn(sum(SIZES), 4, dtype=torch.double)
    own = x.split(SIZES)[rank]
    batch = GlobalBatch(len(own), own.device)
    loss = toy_loss(batch.gather(layer(own)), scale)
    loss.backward()
    for p in (*layer.parameters(), scale):  # as DDP does
        dist.all_reduce(p.grad)
        p.grad /= len(SIZES)
    result = [loss.detach(), layer.weight.grad, scale.grad]
    torch.save(result, f'{folder}/{rank}.pt')
    dist.destroy_process_group()


def test_ranks_equal_one_process(tmp_path):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    mp.start_processes(
        worker,
        args=(port, str(tmp_path)),
        nprocs=len(SIZES),
        start_method='fork',
    )
    torch.manual_seed(0)
    layer = torch.nn.Linear(4, 3).double()
    scale = torch.nn.Parameter(torch.tensor(1.7, dtype=torch.double))
    x = torch.randn(sum(SIZES), 4, dtype=torch.double)
    loss = toy_loss(layer(x), scale)
    loss.backward()
    expected = [loss.detach(), layer.weight.grad, scale.grad]
    for rank in range(len(SIZES)):
        actual = torch.load(tmp_path / f'{rank}.pt')
        for a, e in zip(actual, expected, strict=True):
            torch.testing.assert_close(a, e, rtol=1e-12, atol=1e-12)


def test_first_occurrences():
    ids = torch.tensor([4, 2, 4, 7, 2, 4])
    expected = torch.tensor([True, True, False, True, False, False])
    assert torch.equal(first_occurrences(ids), expected)
