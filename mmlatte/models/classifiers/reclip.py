"""The label propagation of ReCLIP (arXiv 2308.03793), without its training."""

import logging

import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor

from mmlatte.models.frozen_features import FrozenFeatures
from mmlatte.models.neighbour_graph import NeighbourGraph
from mmlatte.registry import MODELS

from .prototype_classifier import PrototypeClassifier, full_precision


def conjugate_gradients(multiply, right: Tensor, steps: int) -> Tensor:
    """Solve A x = b for every column b of ``right``, with A positive definite.

    Args:
        multiply (Callable): Returns A times a matrix (n, C).
        right (Tensor): (n, C).
        steps (int): Steps at most; a column stops at a residual of 1e-6.

    Returns:
        Tensor: x, (n, C).
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


@MODELS.register_module()
class ReCLIPClassifier(PrototypeClassifier):
    r"""Propagate class texts to images along a graph of neighbours.

    With the class texts and the training images as nodes x, and the singular
    vectors U of the class texts::

        x <- normalize(U_{2..C}^T x)                            projection
        a_ij = (cos(x_i, x_j) + 1) / 2 for the k nearest j, else 0
        W = (A + A^T) / 2,  S = D^{-1/2} W D^{-1/2}
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
        project (bool): Whether to project, as published. C classes leave
            C - 1 dimensions. Defaults to True.
        max_rank (int): Singular vectors at most (published: 768, and 250
            for more than 500 classes). Defaults to 768.
        neighbours (int): k. Defaults to 20.
        alpha (float): In (0, 1). Defaults to 0.99.
        steps (int): Steps of the solver at most. Defaults to 20.
        **kwargs: See `PrototypeClassifier`.
    """

    fits = True

    basis: Tensor
    nodes: Tensor

    def __init__(
        self,
        *args,
        project: bool = True,
        max_rank: int = 768,
        neighbours: int = 20,
        alpha: float = 0.99,
        steps: int = 20,
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        if not 0 < alpha < 1 or neighbours < 1 or steps < 1:
            raise ValueError(
                'alpha must be in (0, 1), neighbours and steps positive; got '
                f'{alpha}, {neighbours}, {steps}'
            )
        if project and len(self.class_names) < 3:
            raise ValueError(
                'project=True needs three classes: the projection of two '
                'leaves one dimension; set project=False'
            )
        self.project = project
        self.max_rank = max_rank
        self.neighbours = neighbours
        self.alpha = alpha
        self.steps = steps
        # Empty until fitted; see AnyShapeBuffers.
        self.register_buffer('basis', torch.zeros(0, 0))
        self.register_buffer('nodes', torch.zeros(0, 0))

    @property
    def fitted_parameters(self) -> int:
        """int: Numbers of the image prototypes."""
        return self.nodes.numel()

    @torch.no_grad()
    def fit(self, frozen: FrozenFeatures) -> None:
        """Propagate the labels and average the images of each class.

        Args:
            frozen (FrozenFeatures): Of the training images.
        """
        texts = torch.from_numpy(frozen.class_features)
        basis = torch.eye(texts.shape[1])
        if self.project:
            u = torch.linalg.svd(texts.double().T, full_matrices=False).U
            basis = u[:, 1 : self.max_rank].float()
        device = self.memory.prototypes.device
        self.basis = basis.to(device)
        texts = self._project(texts.to(device))
        images = self._project(frozen.rows().to(device))
        labels = self.propagate(texts, images)
        sums = torch.zeros_like(texts).index_add_(0, labels, images)
        found = labels.bincount(minlength=len(texts)).unsqueeze(1) > 0
        prototypes = torch.where(found, F.normalize(sums, dim=1), texts)
        # The mean of two cosines is one dot product.
        self.nodes = (texts + prototypes) / 2

    def propagate(self, texts: Tensor, images: Tensor) -> Tensor:
        """Label images along their neighbours.

        Args:
            texts (Tensor): Unit class nodes, (C, d).
            images (Tensor): Unit image nodes, (N, d).

        Returns:
            Tensor: Labels, (N,).
        """
        x = torch.cat([texts, images])
        classes, n = len(texts), len(x)
        graph = NeighbourGraph(x, self.neighbours)

        def multiply(v: Tensor) -> Tensor:
            return v - self.alpha * graph.spread(v)

        seeds = torch.eye(n, classes, device=x.device)
        spread = conjugate_gradients(multiply, seeds, self.steps)
        heard = spread[classes:]
        # Nothing reaches an image whose neighbours are linked to no text.
        reached = heard.amax(dim=1) > 0
        if not reached.all():
            print_log(
                f'ReCLIP: no text reaches {int((~reached).sum()):,} of '
                f'{len(reached):,} images along the graph; they keep their '
                'zero-shot labels. More neighbours or project=True reach '
                'them.',
                'current',
                level=logging.WARNING,
            )
        nearest = (images @ texts.T).argmax(dim=1)
        return torch.where(reached, heard.argmax(dim=1), nearest)

    def logits(self, inputs: Tensor) -> Tensor:
        """Return the scaled mean cosine to both nodes of a class, (B, C)."""
        if len(self.nodes) == 0:  # not fitted: zero-shot CLIP
            return super().logits(inputs)
        features = self.extract_feat(inputs)
        with full_precision(features):
            return self.clip.scale * self._project(features) @ self.nodes.T

    def _project(self, features: Tensor) -> Tensor:
        return F.normalize(features @ self.basis, dim=1)
