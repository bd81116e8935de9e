"""The label propagation of ReCLIP (arXiv 2308.03793), without its training."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .fit import Fit
from .frozen_features import FrozenFeatures
from .neighbour_graph import NeighbourGraph

__all__ = [
    'LabelPropagationOptions',
    'ProjectedClassifier',
    'conjugate_gradients',
    'fit_label_propagation',
    'propagate',
]


@dataclass(frozen=True)
class LabelPropagationOptions:
    """Options of `fit_label_propagation`.

    Args:
        project (bool): Whether to project, as published. C classes leave
            C - 1 dimensions. Defaults to True.
        max_rank (int): Singular vectors at most (published: 768, and 250
            for more than 500 classes). Defaults to 768.
        neighbours (int): k. Defaults to 20.
        alpha (float): In (0, 1). Defaults to 0.99.
        steps (int): Steps of the solver at most. Defaults to 20.
    """

    project: bool = True
    max_rank: int = 768
    neighbours: int = 20
    alpha: float = 0.99
    steps: int = 20

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1 or self.neighbours < 1 or self.steps < 1:
            raise ValueError(
                'alpha must be in (0, 1), neighbours and steps positive; got '
                f'{self.alpha}, {self.neighbours}, {self.steps}'
            )

    def check_classes(self, classes: int) -> None:
        """Raise a ValueError if so few classes cannot be projected."""
        if self.project and classes < 3:
            raise ValueError(
                'project=True needs three classes: the projection of two '
                'leaves one dimension; set options.project=False'
            )


@dataclass
class ProjectedClassifier:
    """``s normalize(B^T f) n_c``, cosines in a part of the space.

    Args:
        basis (Tensor): B, (D, d).
        nodes (Tensor): n, (C, d).
        scale (Tensor): s, ().
    """

    basis: Tensor
    nodes: Tensor
    scale: Tensor

    def project(self, features: Tensor) -> Tensor:
        """Return unit features (n, d) of features (n, D)."""
        return F.normalize(features @ self.basis, dim=1)

    def logits(self, features: Tensor) -> Tensor:
        """Return logits (n, C) of features (n, D)."""
        return self.scale * self.project(features) @ self.nodes.T


@torch.no_grad()
def fit_label_propagation(
    frozen: FrozenFeatures, options: LabelPropagationOptions | None = None
) -> Fit[ProjectedClassifier]:
    r"""Propagate class texts to images along a graph of neighbours.

    With the class texts and the training images as nodes x, and the singular
    vectors U of the class texts::

        x <- normalize(U_{2..C}^T x)                            projection
        S: `NeighbourGraph` of x
        (I - alpha S) l_c = e_c                                 for class c
        y_i = argmax_c l_ic
        v_c = normalize(mean_{i: y_i = c} x_i),  t_c the text node
        logits = s (cos(x, t_c) + cos(x, v_c)) / 2

    The first singular vector is what all classes share. Published is a loop
    that trains two copies of CLIP on y and propagates again, on the test
    images; this is its first round alone, on the training images (our
    reading of a version without training). A class that gets no image keeps
    its text.

    Args:
        frozen (FrozenFeatures): Of the training images.
        options (LabelPropagationOptions, optional): Defaults to the default
            ones.

    Raises:
        ValueError: If two classes are to be projected.
    """
    options = options or LabelPropagationOptions()
    options.check_classes(frozen.classes)
    texts = frozen.texts()
    basis = torch.eye(frozen.width)
    if options.project:
        u = torch.linalg.svd(texts.cpu().double().T, full_matrices=False).U
        basis = u[:, 1 : options.max_rank].float()
    scale = torch.tensor(frozen.scale, device=texts.device)
    classifier = ProjectedClassifier(basis.to(texts.device), texts, scale)
    texts = classifier.project(texts)
    images = classifier.project(frozen.rows())
    labels, reached = propagate(texts, images, options)
    sums = torch.zeros_like(texts).index_add_(0, labels, images)
    found = labels.bincount(minlength=len(texts)).unsqueeze(1) > 0
    prototypes = torch.where(found, F.normalize(sums, dim=1), texts)
    # The mean of two cosines is one dot product.
    classifier.nodes = (texts + prototypes) / 2
    notes: tuple[str, ...] = ()
    if not reached.all():
        notes = (
            f'no text reaches {int((~reached).sum()):,} of {len(reached):,} '
            'images along the graph; they keep their zero-shot labels. More '
            'neighbours or project=True reach them.',
        )
    return Fit(
        classifier,
        labels=labels.cpu(),
        unused=torch.zeros(len(texts), dtype=torch.bool),
        notes=notes,
    )


def propagate(
    texts: Tensor, images: Tensor, options: LabelPropagationOptions
) -> tuple[Tensor, Tensor]:
    """Label images along their neighbours.

    Args:
        texts (Tensor): Unit class nodes, (C, d).
        images (Tensor): Unit image nodes, (N, d).
        options (LabelPropagationOptions): Of the graph and the solver.

    Returns:
        tuple[Tensor, Tensor]: Labels, (N,), and whether a text reaches an
        image, bool (N,); the others get the nearest text.
    """
    x = torch.cat([texts, images])
    classes, n = len(texts), len(x)
    graph = NeighbourGraph(x, options.neighbours)
    spread = conjugate_gradients(
        lambda v: v - options.alpha * (graph @ v),
        torch.eye(n, classes, device=x.device),
        options.steps,
    )[classes:]
    # Nothing reaches an image whose neighbours are linked to no text.
    reached = spread.amax(dim=1) > 0
    nearest = (images @ texts.T).argmax(dim=1)
    return torch.where(reached, spread.argmax(dim=1), nearest), reached


def conjugate_gradients(
    multiply: Callable[[Tensor], Tensor], right: Tensor, steps: int
) -> Tensor:
    """Solve A x = b for every column b of ``right``, with A positive definite.

    Args:
        multiply (Callable): Returns A times a matrix (n, C).
        right (Tensor): (n, C).
        steps (int): Steps at most; a column stops at a residual of 1e-6.

    Returns:
        Tensor: x, (n, C).

    Examples:
        >>> right = torch.tensor([[2.0], [6.0]])
        >>> conjugate_gradients(lambda x: 2 * x, right, steps=1).tolist()
        [[1.0], [3.0]]
    """
    x = torch.zeros_like(right)
    residual = direction = right
    square = residual.square().sum(dim=0)
    tolerance = 1e-12 * square
    for _ in range(steps):
        active = square > tolerance
        if not active.any():
            break
        image = multiply(direction)
        curvature = (direction * image).sum(dim=0)
        step = torch.where(active, square / curvature, torch.zeros(()).to(x))
        x = x + step * direction
        residual = residual - step * image
        new = torch.where(active, residual.square().sum(dim=0), square)
        ratio = torch.where(active, new / square, torch.zeros(()).to(x))
        direction = residual + ratio * direction
        square = new
    return x
