import numpy as np
from scipy import sparse

__all__ = ['k_means']

#: Rounds of one run; on the feature bank most end after 15.
ROUNDS = 25


def k_means(
    points: np.ndarray, count: int, restarts: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Cluster points, with the greedy start of k-means++.

    Args:
        points (np.ndarray): (n, D) float32.
        count (int): Clusters; at most n.
        restarts (int): Runs, of which the one of least distances stays.
        seed (int): Of the random starts. Defaults to 0.

    Returns:
        tuple[np.ndarray, np.ndarray]: Cluster of every point, (n,), and
        squared distance to its centre, (n,) float32.
    """
    random = np.random.default_rng(seed)
    square = np.square(points).sum(axis=1)
    runs = [
        _run(points, square, _start(points, square, count, random))
        for _ in range(restarts)
    ]
    return min(runs, key=lambda run: run[1].sum(dtype=np.float64))


def _start(points, square, count, random) -> np.ndarray:
    """Draw far points, of three candidates always the best; (count, D)."""
    chosen = [int(random.integers(len(points)))]
    distance = _distances(points, square, points[chosen])[:, 0]
    while len(chosen) < count:
        total = distance.sum(dtype=np.float64)
        share = distance / total if total > 0 else None
        drawn = random.choice(len(points), 3, p=share)
        new = np.minimum(
            distance[:, None], _distances(points, square, points[drawn])
        )
        best = new.sum(axis=0).argmin()
        chosen.append(int(drawn[best]))
        distance = new[:, best]
    return points[chosen]


def _run(points, square, centres) -> tuple[np.ndarray, np.ndarray]:
    n, count = len(points), len(centres)
    clusters = None
    for _ in range(ROUNDS):
        distance = _distances(points, square, centres)
        new = distance.argmin(axis=1)
        if clusters is not None and (new == clusters).all():
            break
        clusters = new
        member = sparse.csr_matrix(
            (np.ones(n, np.float32), (clusters, np.arange(n))), (count, n)
        )
        sizes = np.bincount(clusters, minlength=count)[:, None]
        centres = np.where(
            sizes > 0, member @ points / np.maximum(sizes, 1), centres
        ).astype(points.dtype)
    distance = _distances(points, square, centres)
    clusters = distance.argmin(axis=1)
    return clusters, distance[np.arange(n), clusters]


def _distances(points, square, centres) -> np.ndarray:
    own = np.square(centres).sum(axis=1)
    return np.maximum(square[:, None] - 2 * points @ centres.T + own, 0)
