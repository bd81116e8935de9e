"""Spread answers, then Gaussians by EM, on the nodes of a structure."""

from dataclasses import dataclass

import numpy as np
import torch

from ..frozen_features import FrozenFeatures
from ..gaussians import Statistics, m_step
from ..linear_classifier import LinearClassifier
from .given_answers import NONE, GivenAnswers
from .image_structure import ImageStructure
from .name_weight import NameEvidence, name_evidence
from .seeds import spread_answers

__all__ = ['NodeFit', 'fit_nodes']


@dataclass
class NodeFit:
    """What `fit_nodes` found.

    Args:
        classifier (LinearClassifier): Of image features, (C + 1, D); the last
            class is none of the others.
        posteriors (np.ndarray): Of the nodes, (n, C + 1); answered ones as
            the fit sees them, not as the answer says.
        names (NameEvidence): What the names were worth.
    """

    classifier: LinearClassifier
    posteriors: np.ndarray
    names: NameEvidence


@torch.no_grad()
def fit_nodes(
    structure: ImageStructure,
    frozen: FrozenFeatures,
    answers: GivenAnswers,
    names: LinearClassifier,
) -> NodeFit:
    r"""Fit answers and names to the structure of the images.

    Answers spread along the graph, which labels all nodes. From these labels
    EM fits one Gaussian per class, with one covariance. An answered image
    keeps its answer in every E step, but for the distrust of the options:

    .. math::
        \gamma_{ic} \propto p_i(c)\, P(\text{answer}_i \mid c)

    Names enter every E step with the weight that `name_evidence` finds; a
    name that no answer bears takes an image at first if the names, as far as
    they agreed with the answers, speak more for it than the answers do.

    Args:
        structure (ImageStructure): n nodes.
        frozen (FrozenFeatures): N features.
        answers (GivenAnswers): One or more, none of them skipped.
        names (LinearClassifier): What is known without answers, (C, D).
    """
    options, columns = structure.options, frozen.classes + 1
    named = names.logits(frozen.rows(structure.rows))
    logits = named.log_softmax(dim=1).cpu().numpy()
    nodes = structure.nodes_of(frozen, answers.rows)
    bear = answers.labels != NONE
    evidence = name_evidence(
        logits[nodes[bear]], answers.labels[bear], answers.confidence[bear]
    )
    labels = answers.labels % columns
    start = _start(structure, frozen, answers, logits, evidence)
    likelihood = _likelihoods(answers, columns, options.distrust)

    points = torch.from_numpy(structure.points).double()
    second = points.T @ points
    extra = evidence.weight * torch.from_numpy(logits).double()
    # None of these is named as well as names are on average.
    extra = torch.cat([extra, extra.mean(dim=1, keepdim=True)], dim=1)
    gamma = torch.from_numpy(np.eye(columns)[start])
    gamma[nodes] = likelihood
    means = points.new_zeros(columns, points.shape[1])
    for _ in range(options.iterations):
        found = Statistics(
            gamma.argmax(dim=1), gamma.sum(dim=0), gamma.T @ points
        )
        means, fitted = m_step(
            means, found, second, options.shrinkage, estimate_priors=True
        )
        unused = found.counts < 1
        unused[labels] = False
        fitted = fitted.without(unused) if unused.any() else fitted
        posterior = (fitted.logits(points) + extra).softmax(dim=1)
        gamma = posterior.clone()
        known = gamma[nodes] * likelihood
        gamma[nodes] = known / known.sum(dim=1, keepdim=True)
    return NodeFit(
        _whole(structure, fitted, names, evidence.weight),
        posterior.numpy(),
        evidence,
    )


def _start(structure, frozen, answers, logits, evidence) -> np.ndarray:
    """Label all nodes by spread answers and names, (n,)."""
    reach = spread_answers(structure, frozen, answers).astype(np.float64)
    nodes = structure.nodes_of(frozen, answers.rows)
    far = np.flatnonzero(reach.sum(axis=1) <= 0)
    nearest = (structure.unit[far] @ structure.unit[nodes].T).argmax(axis=1)
    reach[far, answers.labels[nearest]] = 1
    share = reach / reach.sum(axis=1, keepdims=True)
    open_names = np.setdiff1d(np.arange(frozen.classes), answers.labels)
    share[:, :-1] *= np.exp(evidence.weight * logits)
    share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-300)
    if evidence.weight:
        share *= 1 - evidence.agreement
        share[:, open_names] = evidence.agreement * np.exp(
            logits[:, open_names]
        )
    return share.argmax(axis=1)


def _likelihoods(answers, columns, distrust) -> torch.Tensor:
    """Return P(answer | class) up to a factor, (Q, C + 1)."""
    sure = answers.confidence * (1 - distrust)
    table = np.repeat((1 - sure)[:, None] / columns, columns, axis=1)
    table[np.arange(len(answers)), answers.labels % columns] += sure
    return torch.from_numpy(table)


def _whole(structure, fitted, names, weight) -> LinearClassifier:
    """Write a classifier of points as one of features, names included."""
    basis = torch.from_numpy(structure.basis).double()
    mean = torch.from_numpy(structure.mean).double()
    rows = fitted.weight @ basis.T
    bias = fitted.bias - rows @ mean
    names = names.double()
    for own, named in ((rows, names.weight), (bias, names.bias)):
        named = weight * named.cpu()
        own += torch.cat([named, named.mean(dim=0, keepdim=True)])
    return LinearClassifier(rows, bias).single()
