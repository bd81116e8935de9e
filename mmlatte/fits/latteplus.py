"""LattePlus: where the classes lie, found from their names and no label."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .add_rows import add_rows
from .fit import Fit
from .frozen_features import FrozenFeatures, double_precision
from .gaussians import Posterior, fit_gaussians, one_hot_posterior
from .linear_classifier import LinearClassifier
from .names import image_names, label_purity, match_names, name_evidence
from .neighbour_graph import NeighbourGraph, spread_labels
from .valleys import join_clusters

__all__ = ['LattePlusFit', 'LattePlusOptions', 'fit_latteplus', 'seed_scores']

#: Images that labels are spread among; all of them are fitted.
MAX_NODES = 20_000
#: Steps of the spreading: 0.9^60 is 0.002.
STEPS = 60
#: For every name, at least.
IMAGES = 10
#: A cluster holds if its valley is deeper on images of the other folds.
HOLDS, FOLDS = 0.8, 5


@dataclass(frozen=True)
class LattePlusOptions:
    """Options of `fit_latteplus`, where their effect is described.

    Args:
        alpha (float): In (0, 1). Defaults to 0.9.
        neighbours (int): Of the graph. Defaults to 20.
        valley (float): Clusters with a higher density in between, of the
            density at the lower of both, are joined. Defaults to 0.75.
        min_clusters (float): Defaults to 0.25.
        label_weight (float): Of the zero-shot labels in a name, against the
            scores. Defaults to 1.
        own_weight (float): Of an image's own zero-shot posteriors in its
            name; 0 names clusters as a whole. Defaults to 1.
        matching_clusters (float): Defaults to 0.75.
        max_purity_loss (float): Defaults to 0.1.
        estimate_priors (bool): See `fit_gaussians`. Defaults to True.
        iterations (int): EM steps at most. Defaults to 100.
        shrinkage (float, optional): See `fit_gaussians`.
    """

    alpha: float = 0.9
    neighbours: int = 20
    valley: float = 0.75
    min_clusters: float = 0.25
    label_weight: float = 1.0
    own_weight: float = 1.0
    matching_clusters: float = 0.75
    max_purity_loss: float = 0.1
    estimate_priors: bool = True
    iterations: int = 100
    shrinkage: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1 or self.neighbours < 1:
            raise ValueError(
                'alpha must be in (0, 1) and neighbours positive; '
                f'got {self.alpha}, {self.neighbours}'
            )
        if not 0 < self.valley <= 1 or not 0 <= self.min_clusters <= 1:
            raise ValueError(
                'valley must be in (0, 1] and min_clusters in [0, 1]; '
                f'got {self.valley}, {self.min_clusters}'
            )
        weights = self.label_weight, self.own_weight, self.matching_clusters
        if min(weights) < 0:
            raise ValueError(
                'label_weight, own_weight and matching_clusters must not be '
                f'negative; got {weights}'
            )
        if not 0 < self.max_purity_loss <= 1:
            raise ValueError(
                f'max_purity_loss must be in (0, 1]; got '
                f'{self.max_purity_loss}'
            )


@dataclass
class LattePlusFit(Fit[LinearClassifier]):
    """What `fit_latteplus` found.

    Args:
        matched (bool): Whether names and clusters matched.
    """

    matched: bool = False


@torch.no_grad()
def fit_latteplus(
    frozen: FrozenFeatures, options: LattePlusOptions | None = None
) -> LattePlusFit:
    r"""Seed every class, spread the seeds, fit Gaussians; no gradient.

    Zero-shot labels fail where names sit on the wrong clusters: some classes
    then get hardly any image, and sharpening such labels cannot move them.
    Here every class gets seeds of the same number first. With image features
    f, class features g and s the logit scale::

        x_i = normalize(f_i - mean f),  t_c = normalize(g_c - mean g)
        seeds of c: the k_s images with the largest x_i . t_c
        S: graph of the 20 nearest neighbours of x, see `NeighbourGraph`
        l_c = sum_n (1 - alpha) alpha^n S^n seeds_c,   l_c <- l_c / sum_i l_ic
        y_i = argmax_c l_ic; if all are 0, the nearest mean of the others
        EM (`fit_gaussians`) on f, with estimated priors, from labels y
        join the parts of one cluster, EM again

    Centring takes the gap between the two modalities out (and what all images
    share); k_s is a tenth of a class's fair share of the images, from 3 to 20.
    There is no setting per data set, and no random number.

    A class that no image shows has seeds as well, and its Gaussian then takes
    a part of another class's cluster. Such parts are told by the density
    between them (`valleys`): they are joined, the name with the larger score
    in the joined images stays, and EM runs again without the others.

    A class whose name has the largest score in a cluster need not be what its
    images show: where half of the names have no image, several compete for
    every cluster. In the end a cluster gets the name for which scores and
    zero-shot labels together have most evidence (`name_evidence`; labels by f
    and g, and by x and t). If at least ``matching_clusters`` C clusters are
    left, and hold on images that they were not fitted to, names and clusters
    match, and all images of a cluster get its name; if there are C, rather
    different ones than one twice (`match_names`). With fewer, a name may be
    wrong, and zero-shot posteriors count in every image of an unsure cluster
    (`image_names`). The names are then fitted once more, by one M step.

    The result is zero-shot CLIP, and says why, where that is safer: if there
    are fewer than 10 images for every name, if the images form few clusters
    (one, or at most ``min_clusters`` C are left, or hold), if centring
    scatters the zero-shot labels within the clusters (`label_purity` falls by
    ``max_purity_loss`` or more), so that what it took out was no gap, or if
    all images get one name.

    Args:
        frozen (FrozenFeatures): N features; they are read in chunks.
        options (LattePlusOptions, optional): Defaults to the default ones.
    """
    options = options or LattePlusOptions()
    classes = frozen.classes
    if len(frozen) < IMAGES * classes:
        return _zero_shot(
            frozen,
            f'there are {len(frozen)} images, fewer than {IMAGES} for each '
            f'of {classes} names',
        )
    em = partial(
        fit_gaussians,
        frozen,
        shrinkage=options.shrinkage,
        estimate_priors=options.estimate_priors,
    )
    which = np.arange(len(frozen))
    if len(which) > MAX_NODES:
        draw = np.random.default_rng(0)
        which = np.sort(draw.choice(which, MAX_NODES, replace=False))
    nodes = frozen.rows(which)
    x, t, offset = _centre(frozen, nodes)
    scores = seed_scores(x, t, options)
    first, notes = _first_labels(frozen, scores, x, offset)
    fitted = em(first, iterations=options.iterations).classifier

    nodes, scores = double_precision(nodes), double_precision(scores)
    clusters = fitted.double().logits(nodes).argmax(dim=1)
    into = join_clusters(nodes, clusters, scores, options.valley)
    holding = join_clusters(nodes, clusters, scores, HOLDS, FOLDS)
    found = min(len(i[clusters].unique()) for i in (into, holding))
    if found < 2 or found <= options.min_clusters * classes:
        return _zero_shot(
            frozen, f'the images form {found} clusters, too few', notes
        )
    unused = _unused(into[clusters], classes)
    if unused.any():
        before = fitted.double()
        joined = double_precision(F.one_hot(into, classes))
        fitted = em(
            lambda *batch: before.posteriors(*batch) @ joined,
            iterations=options.iterations,
            unused=unused,
        ).classifier
    clusters = fitted.double().logits(nodes).argmax(dim=1)
    labels = torch.from_numpy(frozen.labels[which]).to(x.device)
    centred = (x @ t.T).argmax(dim=1)
    first_purity, purity = (
        label_purity(clusters, named) for named in (labels, centred)
    )
    if first_purity - purity >= options.max_purity_loss:
        return _zero_shot(
            frozen,
            'centring scatters the labels within clusters: '
            f'{purity:.0%} of the images have the first label of their '
            f'cluster, {first_purity:.0%} without',
            notes,
        )
    evidence = name_evidence(
        clusters, scores, [labels, centred], options.label_weight
    )
    matched = found >= options.matching_clusters * classes
    if matched:
        whole = evidence.argmax(dim=1)
        if found == classes:
            whole = match_names(evidence, clusters)
        names = whole[fitted.labels(frozen).to(whole.device)]
    else:
        names, said = _names(frozen, fitted, evidence, options.own_weight)
        notes += said
    unused = _unused(names, classes)
    if int((~unused).sum()) < 2:
        return _zero_shot(frozen, 'all images are called one name', notes)
    classifier = em(
        one_hot_posterior(names, classes), iterations=1, unused=unused
    ).classifier
    return LattePlusFit(
        classifier,
        labels=classifier.labels(frozen),
        unused=unused.cpu(),
        notes=notes,
        matched=matched,
    )


def seed_scores(x: Tensor, t: Tensor, options: LattePlusOptions) -> Tensor:
    """Spread the seeds of every class along the graph.

    Args:
        x (Tensor): Centred unit image features, (n, D).
        t (Tensor): Centred unit class features, (C, D).
        options (LattePlusOptions): With ``neighbours`` and ``alpha``.

    Returns:
        Tensor: Scores (n, C); the columns sum to 1.
    """
    count = max(3, min(20, len(x) // len(t) // 10))
    nearest = (x @ t.T).topk(min(count, len(x)), dim=0).indices
    seeds = torch.zeros(len(x), len(t), device=x.device)
    seeds.scatter_(0, nearest, 1.0)
    k = min(options.neighbours, max(1, len(x) // 4))
    scores = spread_labels(NeighbourGraph(x, k), seeds, options.alpha, STEPS)
    return scores / scores.sum(dim=0)


def _zero_shot(
    frozen: FrozenFeatures, reason: str, notes: tuple[str, ...] = ()
) -> LattePlusFit:
    return LattePlusFit(
        LinearClassifier.zero_shot(frozen),
        labels=torch.from_numpy(frozen.labels.copy()),
        unused=torch.zeros(frozen.classes, dtype=torch.bool),
        notes=notes,
        kept_zero_shot=True,
        reason=reason,
    )


def _centre(
    frozen: FrozenFeatures, nodes: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return x (n, D), t (C, D) and the mean of all images (D,)."""
    texts = frozen.texts()
    total = torch.zeros_like(nodes[0])
    for _, features in frozen.chunks():
        total += features.sum(dim=0)
    mean = total / len(frozen)
    x = F.normalize(nodes - mean, dim=1)
    return x, F.normalize(texts - texts.mean(dim=0), dim=1), mean


def _first_labels(
    frozen: FrozenFeatures, scores: Tensor, x: Tensor, offset: Tensor
) -> tuple[Posterior, tuple[str, ...]]:
    """Return the labels of all images by their scores, as posteriors.

    Args:
        frozen (FrozenFeatures): N features.
        scores (Tensor): Of the nodes, (n, C).
        x (Tensor): The nodes, (n, D).
        offset (Tensor): The mean of all images, (D,).
    """
    labels, reached = scores.argmax(dim=1), scores.any(dim=1)
    classes = scores.shape[1]
    means = x.new_zeros(classes, x.shape[1])
    add_rows(means, labels[reached], x[reached])
    empty, means = ~means.any(dim=1), F.normalize(means, dim=1)

    def nearest(centred: Tensor) -> Tensor:
        cosines = centred @ means.T
        return cosines.masked_fill(empty, -torch.inf).argmax(dim=1)

    notes: tuple[str, ...] = ()
    if not reached.all():
        # Groups of more near-duplicates than the graph has neighbours.
        notes = (
            f'{1 - float(reached.float().mean()):.1%} of the images are '
            'reached by no seed along the graph, and begin with the name of '
            'the nearest mean; are there many copies of the same images?',
        )
        labels = torch.where(reached, labels, nearest(x))
    if len(x) == len(frozen):
        return one_hot_posterior(labels, classes), notes

    def posterior(part: slice, features: Tensor) -> Tensor:
        label = nearest(F.normalize(features.float() - offset, dim=1))
        return double_precision(F.one_hot(label, classes))

    return posterior, notes


def _names(
    frozen: FrozenFeatures,
    fitted: LinearClassifier,
    evidence: Tensor,
    own_weight: float,
) -> tuple[Tensor, tuple[str, ...]]:
    """Name all images, see `image_names`; int64 (N,), and notes."""
    zero_shot = LinearClassifier.zero_shot(frozen).double()
    wide, whole = fitted.double(), evidence.argmax(dim=1)
    names, others = [], 0
    for part, features in frozen.chunks(double=True):
        clusters = wide.logits(features).argmax(dim=1)
        posteriors = zero_shot.posteriors(part, features)
        named = image_names(evidence, clusters, posteriors, own_weight)
        others += int((named != whole[clusters]).sum())
        names.append(named)
    notes: tuple[str, ...] = ()
    if own_weight:
        notes = (
            'there are few clusters for so many names; zero-shot posteriors '
            'count in the images of unsure ones, and changed '
            f'{others / len(frozen):.1%} of all names',
        )
    return torch.cat(names), notes


def _unused(labels: Tensor, classes: int) -> Tensor:
    """Return the classes that no label names, bool (C,)."""
    return labels.bincount(minlength=classes) == 0
