"""LattePlus: clusters of frozen features that get names without labels."""

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .add_rows import add_rows
from .fit import Fit
from .frozen_features import FrozenFeatures, double_precision
from .gaussians import Posterior, fit_gaussians, one_hot_posterior
from .latteplus_options import LattePlusOptions
from .linear_classifier import LinearClassifier
from .naming.cluster_names import agreement, assign_names, name_posterior
from .neighbour_graph import NeighbourGraph, spread_labels
from .valleys import join_clusters

__all__ = [
    'LattePlusFit',
    'choose_seeds',
    'fit_latteplus',
    'gains_by_training',
]


@dataclass
class LattePlusFit(Fit[LinearClassifier]):
    """What `fit_latteplus` found.

    Args:
        train_further (bool): Whether self-training from the labels can be
            expected to gain: there are fewer images than numbers in the
            means, N < C D, so that the Gaussians overfit. With more, trained
            prototypes ended below them.
        facts (dict[str, float]): Figures: kappa of the fall-back test
            (``agreement``), share of the images in reach of a seed
            (``reached``), ``em_iterations``, ``em_changed``, ``clusters``.
    """

    train_further: bool = False
    facts: dict[str, float] = field(default_factory=dict)


@torch.no_grad()
def fit_latteplus(
    frozen: FrozenFeatures, options: LattePlusOptions | None = None
) -> LattePlusFit:
    r"""Fit a linear classifier to features and class names; no label.

    With image features f, class features g, all unit vectors:

    1. Centre: :math:`x_i = \mathrm{norm}(f_i - \bar f)`,
       :math:`t_c = \mathrm{norm}(g_c - \bar g)`; this takes the gap between
       the modalities out. Centred labels are :math:`\arg\max_c x_i^\top t_c`.
    2. Seeds: for every name the images with the largest cosine
       (`choose_seeds`); spread along the graph of nearest neighbours
       (`spread_labels`); columns scaled to one sum, F.
    3. Clusters: EM of Gaussians with one covariance (`fit_gaussians`) from
       the labels :math:`\arg\max_c F_{ic}`.
    4. Test: zero-shot CLIP is kept unless zero-shot labels, plain and
       centred, agree with the clusters: mean kappa of ``min_agreement``.
    5. Join clusters without a valley of density between them
       (`join_clusters`).
    6. Name them (`name_posterior`, `assign_names`); one M step of the
       Gaussians from the names of all images.

    Deterministic. The graph has at most ``max_nodes`` images; all are fitted,
    in chunks, which ranks may share.

    Args:
        frozen (FrozenFeatures): N features.
        options (LattePlusOptions, optional): Constants. Defaults to
            ``LattePlusOptions()``.

    Returns:
        LattePlusFit: A classifier and what was found.
    """
    options = options or LattePlusOptions()
    n, classes = len(frozen), frozen.classes
    if classes < 2:
        return _zero_shot(frozen, 'there is only one class name')
    if n < options.min_images * classes:
        return _zero_shot(
            frozen,
            f'there are {n} images, fewer than {options.min_images} for each '
            f'of {classes} names',
        )
    which = _nodes(n, options.max_nodes)
    nodes = frozen.rows(which)
    mean = _mean(frozen)
    x = F.normalize(nodes - mean, dim=1)
    texts = frozen.texts()
    cosines = x @ F.normalize(texts - texts.mean(dim=0), dim=1).T
    spread, reached = _spread(x, cosines, options)
    em = fit_gaussians(
        frozen,
        _start(frozen, x, mean, spread),
        iterations=options.iterations,
        estimate_priors=True,
    )
    nodes, spread = double_precision(nodes), double_precision(spread)
    clusters = em.classifier.double().logits(nodes).argmax(dim=1)
    plain = torch.from_numpy(frozen.labels[which]).to(clusters.device)
    centred = cosines.argmax(dim=1)
    kappas = [agreement(y, clusters, classes) for y in (plain, centred)]
    kappa = float(frozen.agree(nodes.new_tensor(sum(kappas) / 2)))
    facts = {
        'agreement': kappa,
        'reached': reached,
        'em_iterations': float(em.iterations),
        'em_changed': 0.0 if em.converged else float(em.changed),
    }
    if kappa < options.min_agreement:
        return _zero_shot(
            frozen,
            f'zero-shot labels and clusters agree by a kappa of {kappa:.2f}, '
            f'below {options.min_agreement}: the names say too little about '
            'the images',
            facts,
        )
    joined = join_clusters(nodes, clusters, options)
    facts['clusters'] = float(len(joined.unique()))
    posterior = name_posterior(joined, spread, centred, options.pseudo_count)
    names = assign_names(posterior, joined, options.reuse_penalty)
    named = frozen.agree(names[_joined_into(clusters, joined, classes)])
    return _fit_names(frozen, em.classifier, named, facts)


def choose_seeds(cosines: Tensor, options: LattePlusOptions) -> Tensor:
    """Mark the images that are nearest to every class.

    Args:
        cosines (Tensor): (n, C).
        options (LattePlusOptions): ``seed_share`` of n / C, from
            1 to ``max_seeds``.

    Returns:
        Tensor: 1 for seeds, else 0, (n, C).
    """
    n, classes = cosines.shape
    fair = int(options.seed_share * n / classes)
    count = max(1, min(options.max_seeds, fair))
    nearest = cosines.topk(min(count, n), dim=0).indices
    return torch.zeros_like(cosines).scatter_(0, nearest, 1.0)


def _nodes(n: int, most: int) -> np.ndarray:
    """Draw the images of the graph, with a fixed seed."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, most, replace=False))


def _mean(frozen: FrozenFeatures) -> Tensor:
    sums = [features.sum(dim=0) for _, features in frozen.chunks()]
    return torch.stack(sums).sum(dim=0) / len(frozen)


def _spread(
    x: Tensor, cosines: Tensor, options: LattePlusOptions
) -> tuple[Tensor, float]:
    """Spread seeds, columns summing to 1; and the share of nodes reached."""
    neighbours = min(options.neighbours, max(1, len(x) // 4))
    spread = spread_labels(
        NeighbourGraph(x, neighbours),
        choose_seeds(cosines, options),
        options.alpha,
        options.steps,
    )
    reached = float(spread.any(dim=1).float().mean())
    return spread / spread.sum(dim=0), reached


def _start(
    frozen: FrozenFeatures, x: Tensor, mean: Tensor, spread: Tensor
) -> Posterior:
    """Return the first labels of all images as posteriors.

    Images outside of the graph, and those that no label reaches (groups of
    more copies than the graph has neighbours), get the label of the nearest
    mean of the others.
    """
    classes = spread.shape[1]
    labels, reached = spread.argmax(dim=1), spread.any(dim=1)
    means = x.new_zeros(classes, x.shape[1])
    add_rows(means, labels[reached], x[reached])
    empty, means = ~means.any(dim=1), F.normalize(means, dim=1)

    def nearest(centred: Tensor) -> Tensor:
        cosines = centred @ means.T
        return cosines.masked_fill(empty, -torch.inf).argmax(dim=1)

    if len(x) == len(frozen):
        labels = torch.where(reached, labels, nearest(x))
        return one_hot_posterior(labels, classes)

    def posterior(part: slice, features: Tensor) -> Tensor:
        centred = F.normalize(features.to(mean) - mean, dim=1)
        return F.one_hot(nearest(centred), classes).to(features)

    return posterior


def _joined_into(clusters: Tensor, joined: Tensor, classes: int) -> Tensor:
    """Return the joined cluster of every cluster, (C,)."""
    into = torch.arange(classes, device=clusters.device)
    into[clusters] = joined
    return into


def _fit_names(
    frozen: FrozenFeatures,
    clusters: LinearClassifier,
    named: Tensor,
    facts: dict[str, float],
) -> LattePlusFit:
    """Fit the Gaussians to the names of all images, by one M step."""
    labels = named[clusters.labels(frozen).to(named.device)]
    unused = torch.ones_like(named, dtype=torch.bool)
    unused[labels.unique()] = False
    if int((~unused).sum()) < 2:
        return _zero_shot(frozen, 'all images got one name', facts)
    fit = fit_gaussians(
        frozen,
        one_hot_posterior(labels, frozen.classes),
        iterations=1,
        estimate_priors=True,
        unused=unused,
    )
    return LattePlusFit(
        classifier=fit.classifier,
        labels=fit.classifier.labels(frozen),
        unused=unused,
        notes=_notes(facts),
        train_further=gains_by_training(frozen),
        facts=facts,
    )


def gains_by_training(frozen: FrozenFeatures) -> bool:
    """Whether images are few, so that training from a fit still gains."""
    return len(frozen) < frozen.classes * frozen.width


def _notes(facts: dict[str, float]) -> tuple[str, ...]:
    """Say in sentences what a user may want to know."""
    notes = [
        f'{facts["clusters"]:.0f} clusters, which agree with the zero-shot '
        f'labels by a kappa of {facts["agreement"]:.2f}'
    ]
    if facts['reached'] < 1:
        notes.append(
            f'no seed reaches {1 - facts["reached"]:.1%} of the images along '
            'the graph; they start with the label of the nearest mean. Are '
            'there many copies of the same images?'
        )
    if facts['em_changed']:
        notes.append(
            f'EM ended after {facts["em_iterations"]:.0f} steps with '
            f'{facts["em_changed"]:.0f} labels still changing'
        )
    return tuple(notes)


def _zero_shot(
    frozen: FrozenFeatures,
    reason: str,
    facts: dict[str, float] | None = None,
) -> LattePlusFit:
    classifier = LinearClassifier.zero_shot(frozen)
    return LattePlusFit(
        classifier=classifier,
        labels=classifier.labels(frozen),
        unused=torch.zeros_like(classifier.bias, dtype=torch.bool),
        kept_zero_shot=True,
        reason=reason,
        facts=facts or {},
    )
