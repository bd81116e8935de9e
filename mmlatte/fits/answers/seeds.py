"""Answers as seeds on the graph."""

import numpy as np

from ..frozen_features import FrozenFeatures
from .given_answers import GivenAnswers
from .image_structure import ImageStructure

__all__ = ['spread_answers']


def spread_answers(
    structure: ImageStructure,
    frozen: FrozenFeatures,
    answers: GivenAnswers,
) -> np.ndarray:
    """Spread answers along the graph.

    Args:
        structure (ImageStructure): n nodes.
        frozen (FrozenFeatures): N features, of C classes.
        answers (GivenAnswers): None of them skipped.

    Returns:
        np.ndarray: How much of every class reaches a node, (n, C + 1); the
        last column is none of the classes.
    """
    nodes = structure.nodes_of(frozen, answers.rows)
    columns = frozen.classes + 1
    seeds = np.zeros((len(structure), columns), np.float32)
    # NONE is -1, the last column.
    np.add.at(seeds, (nodes, answers.labels % columns), answers.confidence)
    return structure.spread(seeds)
