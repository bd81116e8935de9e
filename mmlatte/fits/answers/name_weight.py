"""How much class names say beside answers."""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

__all__ = ['NameEvidence', 'name_evidence']

#: Weights of the names' log posteriors that are tried. More than 1.5 would
#: let names overrule answers.
WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5)


@dataclass
class NameEvidence:
    """What answers say about the names.

    Args:
        weight (float): Of the names' log posteriors in those of the fit.
        agreement (float): Share of answers that the names predict, shrunk
            towards chance and scaled: 0 is chance, 1 always.
    """

    weight: float
    agreement: float


def name_evidence(
    logits: np.ndarray, labels: np.ndarray, confidence: np.ndarray
) -> NameEvidence:
    r"""Learn from the answers how much the names are worth.

    The weight w maximises the likelihood of the answers, less a penalty:

    .. math:: \sum_q \log \mathrm{softmax}(w\, l_q)_{y_q} - w

    Args:
        logits (np.ndarray): Of answered images by their names, (Q, C).
        labels (np.ndarray): The answers, all classes, (Q,).
        confidence (np.ndarray): Of the answers, (Q,).

    Examples:
        >>> good = name_evidence(9 * np.eye(4), np.arange(4), np.ones(4))
        >>> good.weight > 0.3, good.agreement > 0.5
        (True, True)
        >>> name_evidence(-9 * np.eye(4), np.arange(4), np.ones(4)).weight
        0.0
    """
    classes = logits.shape[1]
    query = np.arange(len(labels))
    scores = [
        confidence @ log_softmax(w * logits, axis=1)[query, labels] - w
        for w in WEIGHTS
    ]
    right = confidence @ (logits.argmax(axis=1) == labels)
    # Two answers at chance level are added: few answers prove little.
    rate = (right + 2 / classes) / (confidence.sum() + 2)
    chance = 1 / classes
    agreement = (rate - chance) / (1 - chance) if classes > 1 else 0.0
    return NameEvidence(
        WEIGHTS[int(np.argmax(scores))], max(0.0, float(agreement))
    )
