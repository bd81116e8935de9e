"""Spread answers, then Gaussians by EM, on the nodes of a structure."""

from dataclasses import dataclass

import numpy as np
import torch

from ..frozen_features import FrozenFeatures
from ..gaussians import Statistics, m_step
from ..linear_classifier import LinearClassifier
from .annotators import Annotators
from .given_answers import NONE, GivenAnswers
from .image_structure import ImageStructure
from .name_weight import NameEvidence, name_evidence

__all__ = ['NodeFit', 'fit_nodes']


@dataclass
class NodeFit:
    """What `fit_nodes` found.

    Args:
        classifier (LinearClassifier): Of image features, (C + 1, D); the last
            class is none of the others.
        logs (np.ndarray): Log posteriors of the nodes, (n, C + 1); answered
            ones as the fit sees them, not as the answer says.
        names (NameEvidence): What the names were worth.
    """

    classifier: LinearClassifier
    logs: np.ndarray
    names: NameEvidence


@torch.no_grad()
def fit_nodes(
    structure: ImageStructure,
    frozen: FrozenFeatures,
    answers: GivenAnswers,
    names: LinearClassifier,
    annotators: Annotators | None = None,
) -> NodeFit:
    r"""Fit answers and names to the structure of the images.

    Answers spread along the graph, which labels all nodes. From these labels
    EM fits one Gaussian per class, with one covariance, in which an answered
    image weighs as several others. In every E step its answers count as much
    as their annotators are right:

    .. math::
        \gamma_{ic} \propto p_i(c) \textstyle\prod_a P(y_{ia} \mid c)

    With an annotator who is (nearly) always right the answer stands.

    Names enter every E step with the weight that `name_evidence` finds; a
    name that no answer bears takes an image at first if the names, as far as
    they agreed with the answers, speak more for it than the answers do.

    Args:
        structure (ImageStructure): n nodes.
        frozen (FrozenFeatures): N features.
        answers (GivenAnswers): One or more, none of them skipped.
        names (LinearClassifier): What is known without answers, (C, D).
        annotators (Annotators, optional): How often they err. Defaults to
            what the options assume.
    """
    options, columns = structure.options, frozen.classes + 1
    named = names.logits(frozen.rows(structure.rows))
    logits = named.log_softmax(dim=1).cpu().numpy()
    annotators = annotators or Annotators.assumed(answers, options)
    weights = annotators.weights(answers)
    nodes = structure.nodes_of(frozen, answers.rows)
    bear = answers.labels != NONE
    evidence = name_evidence(
        logits[nodes[bear]], answers.labels[bear], weights[bear]
    )
    labels = answers.labels % columns
    reach = structure.spread_answers(
        nodes, answers.labels, weights, frozen.classes
    )
    start = _start(structure, reach, nodes, labels, logits, evidence)
    known, place = np.unique(nodes, return_inverse=True)
    likelihood = torch.from_numpy(
        annotators.log_likelihoods(answers, place, columns)
    )
    # Nobody is so wrong that nobody names the class.
    live = np.bincount(np.append(start, labels), minlength=columns) > 0
    likelihood[:, torch.from_numpy(~live)] = -torch.inf
    heavy = np.zeros(len(structure))
    np.maximum.at(heavy, nodes, weights)
    rows = 1 + (options.answer_weight - 1) * torch.from_numpy(heavy)

    points = torch.from_numpy(structure.points).double()
    weighted = rows.unsqueeze(1) * points
    second = points.T @ weighted
    extra = evidence.weight * torch.from_numpy(logits).double()
    # None of these is named as well as names are on average.
    extra = torch.cat([extra, extra.mean(dim=1, keepdim=True)], dim=1)
    gamma = torch.from_numpy(np.eye(columns)[start])
    gamma[known] = likelihood.softmax(dim=1)
    means = points.new_zeros(columns, points.shape[1])
    for _ in range(options.iterations):
        found = Statistics(
            gamma.argmax(dim=1), gamma.T @ rows, gamma.T @ weighted
        )
        means, fitted = m_step(
            means, found, second, options.shrinkage, estimate_priors=True
        )
        unused = found.counts < 1
        unused[labels] = False
        fitted = fitted.without(unused) if unused.any() else fitted
        logs = (fitted.logits(points) + extra).log_softmax(dim=1)
        gamma = logs.exp()
        gamma[known] = (logs[known] + likelihood).softmax(dim=1)
    return NodeFit(
        _whole(structure, fitted, names, evidence.weight),
        logs.numpy(),
        evidence,
    )


def _start(structure, reach, nodes, labels, logits, evidence) -> np.ndarray:
    """Label all nodes by spread answers and names, (n,)."""
    reach = reach.astype(np.float64)
    classes = logits.shape[1]
    far = np.flatnonzero(reach.sum(axis=1) <= 0)
    nearest = (structure.unit[far] @ structure.unit[nodes].T).argmax(axis=1)
    reach[far, labels[nearest]] = 1
    share = reach / reach.sum(axis=1, keepdims=True)
    open_names = np.setdiff1d(np.arange(classes), labels)
    share[:, :-1] *= np.exp(evidence.weight * logits)
    share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-300)
    if evidence.weight:
        share *= 1 - evidence.agreement
        share[:, open_names] = evidence.agreement * np.exp(
            logits[:, open_names]
        )
    return share.argmax(axis=1)


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
