"""Two equal runs: neighbour graph, fit and training."""

from collections.abc import Iterator

import numpy as np
import torch

from .sizes import Size, build_training

STEPS = 5


def determinism(size: Size) -> Iterator[tuple[str, str]]:
    """Do everything twice and compare the bits."""
    graphs = [_graph(size) for _ in range(2)]
    yield 'label spreading on the neighbour graph, twice', _equal(*graphs)
    fits = [_fit(size) for _ in range(2)]
    yield f'LattePlus on {size.graph:,} images, twice', _equal(*fits)
    torch.use_deterministic_algorithms(True)
    runs = [_train(size) for _ in range(2)]
    what = f'{STEPS} steps with deterministic algorithms, twice'
    yield what, _equal(*runs)


def _equal(one: torch.Tensor, two: torch.Tensor) -> str:
    if torch.equal(one, two):
        return 'the same bits'
    difference = (one - two).abs().max().item()
    return f'failed: differ by {difference:.1e}'


def _features(size: Size) -> tuple[np.ndarray, np.ndarray]:
    """Return clusters of unit rows around ten directions."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((10, 64)).astype(np.float32)
    noise = rng.standard_normal((size.graph, 64)).astype(np.float32)
    rows = centres[rng.integers(0, 10, size.graph)] + noise
    return (
        rows / np.linalg.norm(rows, axis=1, keepdims=True),
        centres / np.linalg.norm(centres, axis=1, keepdims=True),
    )


def _graph(size: Size) -> torch.Tensor:
    from mmlatte.fits.neighbour_graph import NeighbourGraph

    features, centres = map(torch.from_numpy, _features(size))
    features = features.to(size.device)
    scores = features @ centres.T.to(size.device)
    return NeighbourGraph(features, 20) @ scores.softmax(dim=1)


def _fit(size: Size) -> torch.Tensor:
    from mmlatte.fits import FrozenFeatures, fit_latteplus

    features, centres = _features(size)
    cosines = features @ centres.T
    frozen = FrozenFeatures(
        features=features,
        labels=cosines.argmax(axis=1),
        scores=cosines.max(axis=1),
        class_features=centres,
        device=size.device,
    )
    return fit_latteplus(frozen).classifier.logits(frozen.rows(range(100)))


def _train(size: Size) -> torch.Tensor:
    model, wrapper, data = build_training(size, size.batch)
    for _ in range(STEPS):
        model.train_step(data, wrapper)
    return torch.cat([p.detach().flatten() for p in model.parameters()])
