"""LattePlus: where the classes lie, found from their names and no label."""

import logging

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor

from mmlatte.models.frozen_features import FrozenFeatures
from mmlatte.models.neighbour_graph import NeighbourGraph
from mmlatte.registry import MODELS

from .gda import GDAClassifier, Posterior

#: Images that labels are spread among; all of them are fitted.
MAX_NODES = 20_000
#: Steps of the propagation: 0.9^60 is 0.002.
STEPS = 60


@MODELS.register_module()
class LattePlusClassifier(GDAClassifier):
    r"""Seed every class, spread the seeds, fit Gaussians; no gradient.

    Zero-shot labels fail where names sit on the wrong clusters: some classes
    then get hardly any image, and sharpening such labels cannot move them.
    Here every class gets a voice of the same size first. With image features
    f, class features g and s the logit scale::

        x_i = normalize(f_i - mean f),  t_c = normalize(g_c - mean g)
        seeds of c: the k_s images with the largest x_i . t_c
        S: graph of the 20 nearest neighbours of x, see `NeighbourGraph`
        l_c = sum_n (1 - alpha) alpha^n S^n seeds_c,   l_c <- l_c / sum_i l_ic
        y_i = argmax_c l_ic
        EM of `GDAClassifier` on f, with estimated priors, from labels y

    Centring takes the gap between the two modalities out (and what all images
    share); k_s is a tenth of a class's fair share of the images, from 3 to 20.
    There is no setting per data set, and no random number.

    If the images seem to be of few of the classes (the zero-shot labels are as
    spread as those of less than ``min_spread`` C equal classes), the classes
    cannot be told by structure: the model stays zero-shot CLIP and says so.

    Args:
        alpha (float): In (0, 1). Defaults to 0.9.
        neighbours (int): Of the graph. Defaults to 20.
        min_spread (float): See above. Defaults to 0.45.
        **kwargs: See `GDAClassifier`.
    """

    def __init__(
        self,
        *args,
        alpha: float = 0.9,
        neighbours: int = 20,
        min_spread: float = 0.45,
        estimate_priors: bool = True,
        **kwargs,
    ) -> None:
        super().__init__(*args, estimate_priors=estimate_priors, **kwargs)
        if not 0 < alpha < 1 or neighbours < 1 or not 0 <= min_spread <= 1:
            raise ValueError(
                'alpha must be in (0, 1), neighbours positive and min_spread '
                f'in [0, 1]; got {alpha}, {neighbours}, {min_spread}'
            )
        self.alpha = alpha
        self.neighbours = neighbours
        self.min_spread = min_spread

    @torch.no_grad()
    def fit(self, frozen: FrozenFeatures) -> None:
        """Fit the training images, unless they are of few classes.

        Args:
            frozen (FrozenFeatures): N features; they are read in chunks.
        """
        spread = effective_classes(frozen.labels, len(self.weight))
        limit = self.min_spread * len(self.weight)
        if spread < limit:
            print_log(
                f'LattePlus: the zero-shot labels are as spread as those of '
                f'{spread:.1f} equal classes, less than {limit:.1f} of '
                f'{len(self.weight)}; staying with zero-shot CLIP. Are all '
                'the class names right?',
                'current',
                level=logging.WARNING,
            )
            return
        super().fit(frozen)

    def start(self, frozen: FrozenFeatures) -> Posterior:
        """Return the labels that the seeds spread to, as posteriors."""
        texts = torch.from_numpy(frozen.class_features)
        device, classes = self.weight.device, len(texts)
        total = sum(f.sum(dim=0) for _, f in frozen.chunks())
        which = np.arange(len(frozen))
        if len(which) > MAX_NODES:
            draw = np.random.default_rng(0)
            which = np.sort(draw.choice(which, MAX_NODES, replace=False))
        nodes = frozen.rows(which)
        x = F.normalize(nodes - total / len(frozen), dim=1).to(device)
        t = F.normalize(texts - texts.mean(dim=0), dim=1).to(device)
        voices = self.propagate(x, t)
        labels = voices.argmax(dim=1)
        if len(x) == len(frozen):
            weight = torch.eye(classes, device=device)
            return lambda part, features: self._wide(weight[labels[part]])
        # The other images: the nearest mean of the labelled ones.
        means = torch.zeros_like(t).index_add_(0, labels, x)
        means = F.normalize(means, dim=1)
        offset = (total / len(frozen)).to(device)

        def nearest(part: slice, features: Tensor) -> Tensor:
            centred = F.normalize(features.float() - offset, dim=1)
            label = (centred @ means.T).argmax(dim=1)
            return self._wide(F.one_hot(label, classes))

        return nearest

    def propagate(self, x: Tensor, t: Tensor) -> Tensor:
        """Spread the seeds of every class along the graph.

        Args:
            x (Tensor): Centred unit image features, (n, D).
            t (Tensor): Centred unit class features, (C, D).

        Returns:
            Tensor: How much every image hears of every class, (n, C); the
            columns sum to 1.
        """
        count = max(3, min(20, len(x) // len(t) // 10))
        nearest = (x @ t.T).topk(min(count, len(x)), dim=0).indices
        seeds = torch.zeros(len(x), len(t), device=x.device)
        seeds.scatter_(0, nearest, 1.0)
        graph = NeighbourGraph(x, min(self.neighbours, max(1, len(x) // 4)))
        voices = seeds
        for _ in range(STEPS):
            voices = self.alpha * graph.spread(voices)
            voices = voices + (1 - self.alpha) * seeds
        return voices / voices.sum(dim=0)


def effective_classes(labels: np.ndarray, classes: int) -> float:
    """Number of equal classes that would be as spread: exp of the entropy.

    Args:
        labels (np.ndarray): (N,).
        classes (int): C.

    Examples:
        >>> import numpy as np
        >>> round(effective_classes(np.array([0, 0, 1, 1]), 5), 6)
        2.0
    """
    counts = torch.from_numpy(labels).bincount(minlength=classes).double()
    shares = counts / counts.sum()
    return float(torch.special.entr(shares).sum().exp())
