"""LattePlus: where the classes lie, found from their names and no label."""

import logging

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmlatte.models.cluster_valleys import join_clusters
from mmlatte.models.frozen_features import FrozenFeatures
from mmlatte.models.neighbour_graph import NeighbourGraph
from mmlatte.registry import MODELS

from .gda import GDAClassifier, Posterior, linear_posterior

#: Images that labels are spread among; all of them are fitted.
MAX_NODES = 20_000
#: Steps of the propagation: 0.9^60 is 0.002.
STEPS = 60
#: A cluster holds if its valley is deeper on images of the other folds.
HOLDS, FOLDS = 0.8, 5


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
        join the parts of one cluster, EM again

    Centring takes the gap between the two modalities out (and what all images
    share); k_s is a tenth of a class's fair share of the images, from 3 to 20.
    There is no setting per data set, and no random number.

    A class that no image shows still speaks, and its Gaussian then takes a
    part of another class's cluster. Such parts are told by the density
    between them (`valleys`): they are joined, the name with more voice in the
    joined images stays, and EM runs again without the others.

    Where the names of several classes compete for too few clusters, one can
    get a name that no image speaks for. In the end a cluster takes another
    name if zero-shot CLIP gives it to more than half of the cluster's images,
    and to ``overrule`` times as many as its own; clusters that then bear one
    name are joined, and EM runs once more.

    If the images form few clusters (one, or at most ``min_clusters`` C are
    left, or hold on images that they were not fitted to), structure cannot
    tell the classes: the model stays zero-shot CLIP and says so.

    Args:
        alpha (float): In (0, 1). Defaults to 0.9.
        neighbours (int): Of the graph. Defaults to 20.
        valley (float): Clusters with a higher density in between, of the
            density at the lower of both, are joined. Defaults to 0.65.
        min_clusters (float): See above. Defaults to 0.4.
        overrule (float): See above; infinity never renames. Defaults to 8.
        **kwargs: See `GDAClassifier`.

    Attributes:
        found (bool): Whether the last fit found clusters, and did not stay
            zero-shot CLIP.
    """

    def __init__(
        self,
        *args,
        alpha: float = 0.9,
        neighbours: int = 20,
        valley: float = 0.65,
        min_clusters: float = 0.4,
        overrule: float = 8.0,
        estimate_priors: bool = True,
        **kwargs,
    ) -> None:
        super().__init__(*args, estimate_priors=estimate_priors, **kwargs)
        if not 0 < alpha < 1 or neighbours < 1:
            raise ValueError(
                'alpha must be in (0, 1) and neighbours positive; '
                f'got {alpha}, {neighbours}'
            )
        if not 0 < valley <= 1 or not 0 <= min_clusters <= 1:
            raise ValueError(
                'valley must be in (0, 1] and min_clusters in [0, 1]; '
                f'got {valley}, {min_clusters}'
            )
        if not overrule >= 1:
            raise ValueError(f'overrule must be at least 1, got {overrule}')
        self.alpha = alpha
        self.neighbours = neighbours
        self.valley = valley
        self.min_clusters = min_clusters
        self.overrule = overrule
        self.found = False

    @torch.no_grad()
    def fit(self, frozen: FrozenFeatures) -> None:
        """Fit the training images, unless they form few clusters.

        Args:
            frozen (FrozenFeatures): N features; they are read in chunks.
        """
        self.found = False
        which = np.arange(len(frozen))
        if len(which) > MAX_NODES:
            draw = np.random.default_rng(0)
            which = np.sort(draw.choice(which, MAX_NODES, replace=False))
        nodes = frozen.rows(which)
        voices, posterior = self.listen(frozen, nodes)
        self.maximise(frozen, posterior)

        nodes, voices = self._wide(nodes), self._wide(voices)
        weight, bias = self._wide(self.weight), self._wide(self.bias)
        labels = (nodes @ weight.T + bias).argmax(dim=1)
        into = join_clusters(nodes, labels, voices, self.valley)
        kept = into[labels].unique()
        holding = join_clusters(nodes, labels, voices, HOLDS, FOLDS)
        clusters = min(len(kept), len(holding[labels].unique()))
        if clusters < 2 or clusters <= self.min_clusters * len(weight):
            self._log(
                f'LattePlus: the images form {clusters} clusters, too few for '
                f'{len(weight)} classes; staying with zero-shot CLIP. Are all '
                'the class names right?',
                level=logging.WARNING,
            )
            self.init_weights()
            return
        self.found = True
        without = torch.zeros_like(bias, dtype=torch.bool)
        if len(kept) < len(weight):
            without = self._join(frozen, into, kept)
        without = self.rename(frozen, without)
        if without.any():
            self._log_dropped(without)
        if self.as_prototypes:
            self.adopt_prototypes(frozen, without)

    def _join(
        self, frozen: FrozenFeatures, into: Tensor, kept: Tensor
    ) -> Tensor:
        """Make classes of clusters, and run EM again.

        Args:
            frozen (FrozenFeatures): N features; they are read in chunks.
            into (Tensor): The class of every cluster, (C,).
            kept (Tensor): The classes that have images.

        Returns:
            Tensor: bool (C,), the other classes.
        """
        without = torch.ones_like(self.bias, dtype=torch.bool)
        without[kept] = False
        joined = self._wide(F.one_hot(into, len(without)))
        first = linear_posterior(
            self._wide(self.weight), self._wide(self.bias)
        )
        self.maximise(frozen, lambda *batch: first(*batch) @ joined, without)
        return without

    def rename(self, frozen: FrozenFeatures, without: Tensor) -> Tensor:
        """Give clusters the names that zero-shot CLIP insists on.

        Args:
            frozen (FrozenFeatures): N features and zero-shot labels.
            without (Tensor): bool (C,), the classes without images.

        Returns:
            Tensor: The same after it.
        """
        count = len(self.weight)
        clusters = self.assign(frozen).numpy()
        # How many images of a cluster bear a name.
        cells, images = np.unique(
            clusters * count + frozen.labels, return_counts=True
        )
        cluster, name = np.divmod(cells, count)
        own = cluster == name
        share = images / np.bincount(clusters, minlength=count)[cluster]
        owns = np.zeros(count)
        owns[cluster[own]] = share[own]
        # One image in a hundred more: a share of zero proves little.
        enough = np.maximum(0.5, self.overrule * (owns + 0.01))[cluster]
        names = np.arange(count)
        for cell in np.flatnonzero(~own & (share > enough)):
            old, new = int(cluster[cell]), int(name[cell])
            names[old] = new
            self._log(
                f'LattePlus: the images of {self.class_names[old]!r} are '
                f'called {self.class_names[new]!r}, as zero-shot CLIP calls '
                f'{share[cell]:.0%} of them'
            )
        if (names == np.arange(count)).all():
            return without
        into, kept = (
            torch.from_numpy(n).to(self.weight.device)
            for n in (names, np.unique(names[clusters]))
        )
        return self._join(frozen, into, kept)

    def _log_dropped(self, without: Tensor) -> None:
        names = [
            name
            for name, gone in zip(
                self.class_names, without.tolist(), strict=True
            )
            if gone
        ]
        self._log(
            'LattePlus: no cluster of their own, and never predicted: '
            + ', '.join(names)
        )

    def listen(
        self, frozen: FrozenFeatures, nodes: Tensor
    ) -> tuple[Tensor, Posterior]:
        """Let the seeds of every class speak.

        Args:
            frozen (FrozenFeatures): N features.
            nodes (Tensor): All of them, or some, (n, D).

        Returns:
            tuple[Tensor, Callable]: How much each of the nodes hears of each
            class, (n, C), and the labels of all images, as posteriors.
        """
        texts = torch.from_numpy(frozen.class_features)
        device, classes = self.weight.device, len(texts)
        total = sum(f.sum(dim=0) for _, f in frozen.chunks())
        x = F.normalize(nodes - total / len(frozen), dim=1).to(device)
        t = F.normalize(texts - texts.mean(dim=0), dim=1).to(device)
        voices = self.propagate(x, t)
        labels = voices.argmax(dim=1)
        if len(x) == len(frozen):
            weight = torch.eye(classes, device=device)
            return voices, lambda part, features: self._wide(
                weight[labels[part]]
            )
        # The other images: the nearest mean of the labelled ones.
        means = torch.zeros_like(t).index_add_(0, labels, x)
        means = F.normalize(means, dim=1)
        offset = (total / len(frozen)).to(device)

        def nearest(part: slice, features: Tensor) -> Tensor:
            centred = F.normalize(features.float() - offset, dim=1)
            label = (centred @ means.T).argmax(dim=1)
            return self._wide(F.one_hot(label, classes))

        return voices, nearest

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
