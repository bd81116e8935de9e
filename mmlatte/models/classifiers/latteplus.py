"""LattePlus: where the classes lie, found from their names and no label."""

import logging

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmlatte.models.cluster_names import (
    image_names,
    label_purity,
    match_names,
    name_evidence,
)
from mmlatte.models.cluster_valleys import join_clusters
from mmlatte.models.frozen_features import FrozenFeatures
from mmlatte.models.memory import add_rows
from mmlatte.models.neighbour_graph import NeighbourGraph
from mmlatte.registry import MODELS

from .gda import GDAClassifier, Posterior, linear_posterior

#: Images that labels are spread among; all of them are fitted.
MAX_NODES = 20_000
#: Steps of the propagation: 0.9^60 is 0.002.
STEPS = 60
#: For every name, at least.
IMAGES = 10
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
        y_i = argmax_c l_ic; without a voice, the nearest mean of the others
        EM of `GDAClassifier` on f, with estimated priors, from labels y
        join the parts of one cluster, EM again

    Centring takes the gap between the two modalities out (and what all images
    share); k_s is a tenth of a class's fair share of the images, from 3 to 20.
    There is no setting per data set, and no random number.

    A class that no image shows still speaks, and its Gaussian then takes a
    part of another class's cluster. Such parts are told by the density
    between them (`valleys`): they are joined, the name with more voice in the
    joined images stays, and EM runs again without the others.

    A class whose name is loudest in a cluster need not be what its images
    show: where half of the names have no image, several compete for every
    cluster. In the end a cluster bears the name for which voices and
    zero-shot labels together speak most (`name_evidence`; labels by f and g,
    and by x and t). If at least ``matching_clusters`` C clusters are left,
    and hold on images that they were not fitted to, names and clusters match,
    and all images of a cluster get its name; if there are C, rather different
    ones than one twice (`match_names`). With fewer, a name may be wrong, and
    zero-shot CLIP has a say in every image of an unsure cluster
    (`image_names`). The names are then fitted once more, by one M step.

    The model stays zero-shot CLIP, and says so, where that is safer: if there
    are fewer than 10 images for every name, if the images form few clusters
    (one, or at most ``min_clusters`` C are left, or hold), if centring
    scatters the zero-shot labels within the clusters (`label_purity` falls by
    ``max_purity_loss`` or more), so that what it took out was no gap, or if
    all images get one name.

    Args:
        alpha (float): In (0, 1). Defaults to 0.9.
        neighbours (int): Of the graph. Defaults to 20.
        valley (float): Clusters with a higher density in between, of the
            density at the lower of both, are joined. Defaults to 0.75.
        min_clusters (float): See above. Defaults to 0.25.
        label_weight (float): Of the zero-shot labels in a name, against the
            voices. Defaults to 1.
        own_weight (float): Of an image's own zero-shot posteriors in its
            name; 0 names clusters as a whole. Defaults to 1.
        matching_clusters (float): See above. Defaults to 0.75.
        max_purity_loss (float): See above. Defaults to 0.1.
        **kwargs: See `GDAClassifier`.

    Attributes:
        kept_zero_shot (bool): Whether the last fit stayed zero-shot CLIP.
        matched (bool): Whether names and clusters matched in the last fit.
        unused (Tensor): bool (C,), the names that no image got.
    """

    unused: Tensor

    def __init__(
        self,
        *args,
        alpha: float = 0.9,
        neighbours: int = 20,
        valley: float = 0.75,
        min_clusters: float = 0.25,
        label_weight: float = 1.0,
        own_weight: float = 1.0,
        matching_clusters: float = 0.75,
        max_purity_loss: float = 0.1,
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
        if min(label_weight, own_weight, matching_clusters) < 0:
            raise ValueError(
                'label_weight, own_weight and matching_clusters must not be '
                f'negative; got {label_weight}, {own_weight} and '
                f'{matching_clusters}'
            )
        if not 0 < max_purity_loss <= 1:
            raise ValueError(
                f'max_purity_loss must be in (0, 1]; got {max_purity_loss}'
            )
        self.alpha = alpha
        self.neighbours = neighbours
        self.valley = valley
        self.min_clusters = min_clusters
        self.label_weight = label_weight
        self.own_weight = own_weight
        self.matching_clusters = matching_clusters
        self.max_purity_loss = max_purity_loss
        self.kept_zero_shot = self.matched = False
        self.unused = torch.zeros_like(self.bias, dtype=torch.bool)

    @torch.no_grad()
    def fit(self, frozen: FrozenFeatures) -> None:
        """Fit the training images, unless zero-shot CLIP is safer.

        Args:
            frozen (FrozenFeatures): N features; they are read in chunks.
        """
        self.kept_zero_shot = self.matched = False
        if len(frozen) < IMAGES * len(self.weight):
            self._stay(
                f'there are {len(frozen)} images, fewer than {IMAGES} for '
                f'each of {len(self.weight)} names'
            )
            return
        which = np.arange(len(frozen))
        if len(which) > MAX_NODES:
            draw = np.random.default_rng(0)
            which = np.sort(draw.choice(which, MAX_NODES, replace=False))
        nodes = frozen.rows(which)
        x, t, offset = self._centre(frozen, nodes)
        voices = self.propagate(x, t)
        self.maximise(frozen, self._heard(frozen, voices, x, offset))

        nodes, voices = self._wide(nodes), self._wide(voices)
        clusters = self._label(nodes)
        into = join_clusters(nodes, clusters, voices, self.valley)
        holding = join_clusters(nodes, clusters, voices, HOLDS, FOLDS)
        found = min(len(i[clusters].unique()) for i in (into, holding))
        if found < 2 or found <= self.min_clusters * len(self.weight):
            self._stay(f'the images form {found} clusters, too few')
            return
        self._join(frozen, into, clusters)
        clusters = self._label(nodes)
        labels = torch.from_numpy(frozen.labels[which]).to(x.device)
        centred = (x @ t.T).argmax(dim=1)
        before, after = (label_purity(clusters, n) for n in (labels, centred))
        if before - after >= self.max_purity_loss:
            self._stay(
                'centring scatters the labels within clusters: '
                f'{after:.0%} of the images have the first label of their '
                f'cluster, {before:.0%} without'
            )
            return
        evidence = name_evidence(
            clusters, voices, [labels, centred], self.label_weight
        )
        self.matched = found >= self.matching_clusters * len(self.weight)
        if self.matched:
            whole = evidence.argmax(dim=1)
            if found == len(self.weight):
                whole = match_names(evidence, clusters)
            names = whole[self.assign(frozen).to(whole.device)]
        else:
            names = self._names(frozen, evidence)
        self._fit_names(frozen, names)

    def _stay(self, why: str) -> None:
        self._log(
            f'LattePlus: {why}; staying with zero-shot CLIP. Are all the '
            'class names right?',
            level=logging.WARNING,
        )
        self.kept_zero_shot, self.matched = True, False
        self.init_weights()

    def _join(
        self, frozen: FrozenFeatures, into: Tensor, clusters: Tensor
    ) -> None:
        """Make classes of clusters, and run EM again where that is new.

        Args:
            frozen (FrozenFeatures): N features; they are read in chunks.
            into (Tensor): The class of every cluster, (C,).
            clusters (Tensor): Of the nodes, (n,).
        """
        without = self._without(into[clusters])
        if not without.any():
            return
        joined = self._wide(F.one_hot(into, len(without)))
        first = linear_posterior(
            self._wide(self.weight), self._wide(self.bias)
        )
        self.maximise(frozen, lambda *batch: first(*batch) @ joined, without)

    def _names(self, frozen: FrozenFeatures, evidence: Tensor) -> Tensor:
        """Name all images, see `image_names`; int64 (N,).

        Args:
            frozen (FrozenFeatures): N features; they are read in chunks.
            evidence (Tensor): See `name_evidence`, (C, C).
        """
        texts = self._wide(torch.from_numpy(frozen.class_features))
        zero_shot = linear_posterior(
            frozen.scale * texts, self._wide(torch.zeros_like(self.bias))
        )
        whole = evidence.argmax(dim=1)
        names, others = [], 0
        for part, features in self._chunks(frozen):
            clusters = self._label(features)
            posteriors = zero_shot(part, features)
            named = image_names(
                evidence, clusters, posteriors, self.own_weight
            )
            others += int((named != whole[clusters]).sum())
            names.append(named)
        if self.own_weight:
            self._log(
                'LattePlus: there are few clusters for so many names; '
                'zero-shot CLIP has a say in the images of unsure ones, and '
                f'changed {others / len(frozen):.1%} of all names'
            )
        return torch.cat(names)

    def _fit_names(self, frozen: FrozenFeatures, names: Tensor) -> None:
        """Fit the Gaussians to names of all images, by one M step.

        Args:
            frozen (FrozenFeatures): N features; they are read in chunks.
            names (Tensor): int64 (N,).
        """
        without = self.unused = self._without(names)
        if int((~without).sum()) < 2:
            self._stay('all images are called one name')
            return
        self.maximise(frozen, self._labelled(names), without, iterations=1)
        if without.any():
            self._log_dropped(without)
        if self.as_prototypes:
            self.adopt_prototypes(frozen, without)

    def _labelled(self, labels: Tensor) -> Posterior:
        """Return labels of all images, int64 (N,), as posteriors."""
        one_hot = self._wide(torch.eye(len(self.weight)))
        return lambda part, features: one_hot[labels[part]]

    def _without(self, labels: Tensor) -> Tensor:
        """Return the classes that no label names, bool (C,)."""
        without = torch.ones_like(self.bias, dtype=torch.bool)
        without[labels.unique()] = False
        return without

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

    def _centre(
        self, frozen: FrozenFeatures, nodes: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return x (n, D), t (C, D) and the mean of all images (D,)."""
        texts = torch.from_numpy(frozen.class_features)
        mean = sum(f.sum(dim=0) for _, f in frozen.chunks()) / len(frozen)
        device = self.weight.device
        x = F.normalize(nodes - mean, dim=1).to(device)
        t = F.normalize(texts - texts.mean(dim=0), dim=1).to(device)
        return x, t, mean.to(device)

    def _heard(
        self, frozen: FrozenFeatures, voices: Tensor, x: Tensor, offset: Tensor
    ) -> Posterior:
        """Return the labels that all images hear, as posteriors.

        Args:
            frozen (FrozenFeatures): N features.
            voices (Tensor): Of the nodes, (n, C).
            x (Tensor): The nodes, (n, D).
            offset (Tensor): The mean of all images, (D,).
        """
        labels, reached = voices.argmax(dim=1), voices.any(dim=1)
        means = x.new_zeros(voices.shape[1], x.shape[1])
        add_rows(means, labels[reached], x[reached])
        empty, means = ~means.any(dim=1), F.normalize(means, dim=1)

        def nearest(centred: Tensor) -> Tensor:
            cosines = centred @ means.T
            return cosines.masked_fill(empty, -torch.inf).argmax(dim=1)

        if not reached.all():
            # Groups of more near-duplicates than the graph has neighbours.
            self._log(
                f'LattePlus: {1 - float(reached.float().mean()):.1%} of the '
                'images hear no name along the graph, and begin with that of '
                'the nearest mean; are there many copies of the same images?'
            )
            labels = torch.where(reached, labels, nearest(x))
        if len(x) == len(frozen):
            return self._labelled(labels)

        def posterior(part: slice, features: Tensor) -> Tensor:
            centred = F.normalize(features.float() - offset, dim=1)
            label = nearest(centred)
            return self._wide(F.one_hot(label, len(means)))

        return posterior

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
