"""Ranks that share a fit, with real gloo processes."""

import dataclasses
import os
import socket

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F

from mmlatte.fits import (
    FrozenFeatures,
    LattePlusOptions,
    fit_latteplus,
    frozen_features,
)

RANKS, WIDTH = 4, 16


def drawn():
    """Overlapping classes, so that EM takes several steps."""
    draw = torch.Generator().manual_seed(0)
    texts = torch.eye(WIDTH)[:4]
    truth = torch.arange(1200) % 4
    noise = 0.3 * torch.randn(1200, WIDTH, generator=draw)
    features = F.normalize(texts[truth] + noise, dim=1)
    scores, labels = (features @ texts.T).max(dim=1)
    return FrozenFeatures(
        features.numpy(), labels.numpy(), scores.numpy(), texts.numpy()
    )


def fitted(frozen):
    # Chunks of 256, five of them: the last is short, one rank has two.
    frozen_features.LOGITS = 4
    return fit_latteplus(frozen, LattePlusOptions(max_nodes=500))


def worker(rank: int, port: int, folder: str) -> None:
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    dist.init_process_group('gloo', rank=rank, world_size=RANKS)
    torch.set_num_threads(1)
    fit = fitted(dataclasses.replace(drawn(), shared=True))
    found = [fit.classifier.weight, fit.classifier.bias, fit.labels]
    torch.save(found, f'{folder}/{rank}.pt')
    dist.destroy_process_group()


def test_four_ranks_find_what_one_does(tmp_path, monkeypatch):
    monkeypatch.setattr(frozen_features, 'LOGITS', 4)
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    mp.start_processes(
        worker,
        args=(port, str(tmp_path)),
        nprocs=RANKS,
        start_method='fork',
    )
    fit = fitted(drawn())
    assert not fit.kept_zero_shot and fit.facts['em_iterations'] > 2
    for rank in range(RANKS):
        weight, bias, labels = torch.load(tmp_path / f'{rank}.pt')
        for found, one in (
            (weight, fit.classifier.weight),
            (bias, fit.classifier.bias),
        ):
            torch.testing.assert_close(found, one, rtol=1e-6, atol=1e-6)
        assert torch.equal(labels, fit.labels)


def test_every_chunk_has_one_owner(monkeypatch):
    monkeypatch.setattr(frozen_features, 'LOGITS', 4)
    frozen = dataclasses.replace(drawn(), shared=True)
    monkeypatch.setattr(dist, 'get_world_size', lambda: RANKS)
    seen = torch.zeros(len(frozen), dtype=torch.int64)
    for rank in range(RANKS):
        monkeypatch.setattr(dist, 'get_rank', lambda rank=rank: rank)
        for part, features in frozen.own_chunks():
            assert len(features) == part.stop - part.start
            seen[part] += 1
    assert (seen == 1).all()
