"""What is known about images before anybody answers."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from scipy import sparse

from ..frozen_features import FrozenFeatures
from ..neighbour_graph import COLUMNS, NeighbourGraph
from .answers_options import AnswersOptions
from .k_means import k_means

__all__ = ['ImageStructure']


@dataclass
class ImageStructure:
    """Principal components, neighbour graph and clusters of images.

    Nothing here depends on answers: built once, it serves all questions.

    Args:
        rows (np.ndarray): The images that take part, ascending, int64 (n,).
        mean (np.ndarray): Of their features, (D,).
        basis (np.ndarray): Principal directions, (D, d).
        points (np.ndarray): Centred features along these, (n, d) float32.
        graph (scipy.sparse.csr_matrix): S of `NeighbourGraph`, (n, n).
        options (AnswersOptions): See there.

    Examples:
        >>> features = np.eye(4, dtype=np.float32).repeat(3, axis=0)
        >>> frozen = FrozenFeatures(
        ...     features, np.zeros(12), np.ones(12), features[:2]
        ... )
        >>> ImageStructure.of(frozen).clusters(4)[0][::3].shape
        (4,)
    """

    rows: np.ndarray
    mean: np.ndarray
    basis: np.ndarray
    points: np.ndarray
    graph: sparse.csr_matrix
    options: AnswersOptions
    _clusters: dict = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, frozen: FrozenFeatures, options: AnswersOptions | None = None
    ) -> 'ImageStructure':
        """Find the structure of frozen features.

        Raises:
            ValueError: If there are fewer than two images.
        """
        options = options or AnswersOptions()
        if len(frozen) < 2:
            raise ValueError(
                f'there is {len(frozen)} image; answers need two or more'
            )
        rows = np.arange(len(frozen))
        if len(rows) > options.nodes:
            random = np.random.default_rng(0)
            rows = np.sort(random.choice(rows, options.nodes, replace=False))
        features = frozen.rows(rows).cpu()
        mean = features.mean(dim=0)
        features -= mean
        basis = torch.linalg.eigh(features.T @ features).eigenvectors
        basis = basis[:, -options.width :]
        points = features @ basis
        graph = NeighbourGraph(
            F.normalize(points, dim=1), options.neighbours, options.sharpness
        )
        return cls(
            rows,
            mean.numpy(),
            basis.numpy(),
            points.numpy(),
            graph.matrix,
            options,
        )

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def unit(self) -> np.ndarray:
        """np.ndarray: Points of length 1, (n, d) float32."""
        return _normalised(self.points)

    def spread(self, seeds: np.ndarray) -> np.ndarray:
        """Spread values along the graph, see `spread_labels`, (n, C)."""
        alpha, parts = self.options.alpha, []
        for start in range(0, seeds.shape[1], COLUMNS):
            values = seeds[:, start : start + COLUMNS]
            own = (1 - alpha) * values
            for _ in range(self.options.steps):
                values = alpha * (self.graph @ values) + own
            parts.append(values)
        return np.concatenate(parts, axis=1)

    def spread_answers(
        self,
        nodes: np.ndarray,
        labels: np.ndarray,
        weights: np.ndarray,
        classes: int,
    ) -> np.ndarray:
        """Spread answers along the graph.

        Args:
            nodes (np.ndarray): Answered ones, int64 (Q,).
            labels (np.ndarray): Their classes or ``NONE``, int64 (Q,).
            weights (np.ndarray): Of the answers, (Q,).
            classes (int): C.

        Returns:
            np.ndarray: How much of every class reaches a node, (n, C + 1);
            the last column is none of the classes.
        """
        seeds = np.zeros((len(self), classes + 1), np.float32)
        # NONE is -1, the last column.
        np.add.at(seeds, (nodes, labels % (classes + 1)), weights)
        return self.spread(seeds)

    def clusters(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return clusters of the unit points, see `k_means`."""
        count = min(count, len(self))
        if count not in self._clusters:
            self._clusters.clear()
            self._clusters[count] = k_means(
                self.unit, count, self.options.restarts
            )
        return self._clusters[count]

    def nodes_of(self, frozen: FrozenFeatures, rows: np.ndarray) -> np.ndarray:
        """Return the node of every image, or the one nearest to it, (Q,)."""
        nodes = np.searchsorted(self.rows, rows)
        nodes = np.minimum(nodes, len(self) - 1)
        other = np.flatnonzero(self.rows[nodes] != rows)
        if len(other):
            unit = _normalised(self.project(frozen, rows[other]))
            nodes[other] = (unit @ self.unit.T).argmax(axis=1)
        return nodes

    def shares(self, frozen: FrozenFeatures, rows: np.ndarray) -> np.ndarray:
        """Return the share of nodes nearest to each of some images, (Q,)."""
        nodes = self.nodes_of(frozen, rows)
        nearest = (self.unit @ self.unit[nodes].T).argmax(axis=1)
        return np.bincount(nearest, minlength=len(nodes)) / len(self)

    def project(self, frozen: FrozenFeatures, rows: np.ndarray) -> np.ndarray:
        """Return any images along the principal directions, (Q, d)."""
        features = frozen.rows(rows).cpu().numpy()
        return (features - self.mean) @ self.basis


def _normalised(points: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(points, axis=1, keepdims=True)
    return points / np.maximum(length, 1e-12)
