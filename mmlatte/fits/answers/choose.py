"""Which images to ask about."""

import numpy as np

from ..frozen_features import FrozenFeatures
from .given_answers import SKIP, GivenAnswers
from .image_structure import ImageStructure
from .questions import Questions

__all__ = ['choose']


def choose(
    frozen: FrozenFeatures,
    count: int,
    answered: GivenAnswers | None = None,
    structure: ImageStructure | None = None,
) -> Questions:
    """Choose typical images of clusters that no answer covers yet.

    The images form as many clusters as there are answers and new questions.
    First come clusters without an answer, then those that answers leave most
    unsure; of a cluster, the image nearest to its centre is asked about. The
    same input gives the same questions. A skipped image is never asked about
    again, and covers nothing, so another one of its cluster is.

    Args:
        frozen (FrozenFeatures): N features.
        count (int): Questions; fewer come back, or none, where there are not
            so many images that are no near-duplicates.
        answered (GivenAnswers, optional): Answers so far.
        structure (ImageStructure, optional): Of the same features, where it
            was built before.

    Returns:
        Questions: What to ask, the largest share first.

    Raises:
        ValueError: If ``count`` is not positive, or an answer is about no
            image.
    """
    if count < 1:
        raise ValueError(f'count of questions must be positive; got {count}')
    structure = structure or ImageStructure.of(frozen)
    answered = answered or GivenAnswers(np.zeros(0), np.zeros(0))
    answered.check(len(frozen), frozen.classes)
    seen = structure.nodes_of(frozen, answered.rows)
    says = (answered.labels != SKIP) & (answered.confidence > 0)
    covering = np.unique(seen[says])
    clusters, distance = structure.clusters(count + len(covering))
    unsure = _unsure(structure, frozen, answered)
    groups = clusters.max() + 1
    need = np.bincount(clusters, unsure, groups)
    covered = np.zeros(groups, bool)
    covered[clusters[covering]] = True
    order = np.lexsort((-need, covered))
    # Members of every cluster, from its centre outwards.
    members = np.split(
        np.lexsort((distance, clusters)),
        np.cumsum(np.bincount(clusters, minlength=groups))[:-1],
    )
    chosen = _typical(structure, members, order, seen, count)
    return _as_questions(structure, frozen, chosen)


def _unsure(structure, frozen, answered) -> np.ndarray:
    """Return how unsure spread answers leave every node, in [0, 1]; (n,)."""
    used = answered.used()
    if not len(used):
        return np.ones(len(structure))
    nodes = structure.nodes_of(frozen, used.rows)
    reach = structure.spread_answers(
        nodes, used.labels, used.confidence, frozen.classes
    )
    total = reach.sum(axis=1)
    # What an image would get if all answers reached all images alike.
    even = 0.3 * len(used) / len(structure)
    return 1 - reach.max(axis=1) / (total + even)


def _typical(structure, members, order, seen, count) -> list[int]:
    """Take the next image of every cluster in turn, without duplicates."""
    chosen: list[int] = []
    taken = structure.unit[seen]
    position = [0] * len(members)
    while len(chosen) < count:
        before = len(chosen)
        for cluster in order:
            while position[cluster] < len(members[cluster]):
                node = members[cluster][position[cluster]]
                position[cluster] += 1
                point = structure.unit[node]
                near = (taken @ point).max(initial=-1.0)
                if near < structure.options.duplicate and node not in seen:
                    chosen.append(int(node))
                    taken = np.vstack([taken, point])
                    break
            if len(chosen) == count:
                break
        if len(chosen) == before:
            break
    return chosen


def _as_questions(structure, frozen, chosen) -> Questions:
    """Sort the chosen nodes by the share of nodes nearest to each."""
    if not chosen:
        return Questions(np.zeros(0, np.int64), np.zeros(0))
    rows = structure.rows[np.asarray(chosen, np.int64)]
    share = structure.shares(frozen, rows)
    order = np.argsort(-share, kind='stable')
    return Questions(rows[order], share[order])
