"""The one way in which the ranks of a run share what an LMM has to do."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from mmengine.dist import broadcast_object_list, get_rank, get_world_size

from .shared_work import SharedWork
from .synthesis import Counts

__all__ = ['make_together']


def make_together(
    folder: Path,
    missing: Callable[[], tuple[np.ndarray, Counts]],
    begin: Callable[[int, Counts], None],
    make: Callable[[np.ndarray, Callable[[int], None]], Counts],
    merge: Callable[[], None] | None,
    patience: float,
) -> Counts:
    """Make what is missing, with all ranks of this run.

    Args:
        folder (Path): Of the text store, seen by all ranks.
        missing (Callable): Returns the numbers of what is missing, and the
            counts so far; called by rank 0 alone.
        begin (Callable): Called with how much is missing, and the counts,
            where that is not nothing.
        make (Callable): Makes a share of it, and reports how much is done.
        merge (Callable | None): Merges the store in the end; called by rank
            0 alone.
        patience (float): Seconds without a sign of life of the other ranks
            after which this one gives up.

    Returns:
        Counts: Of all ranks together, when all of them are done.

    Raises:
        RuntimeError: If another rank failed.
    """
    # Rank 0 alone decides: ranks may see the files at different times.
    numbers = None
    plan: list = [None, None, None]
    if get_rank() == 0:
        numbers, counts = missing()
        plan = [len(numbers), counts.as_dict(), os.urandom(6).hex()]
    broadcast_object_list(plan)
    total, known, job = plan
    counts = Counts(**known)
    if not total:
        return counts
    work = SharedWork(folder, job, get_rank(), get_world_size(), patience)
    try:
        begin(total, counts)
        made = make(work.share(numbers), work.report)
    except BaseException as error:
        work.fail(error)
        raise
    work.finish(made)
    counts.add(work.wait_for_all(merge or _nothing).as_dict())
    return counts


def _nothing() -> None:
    return None
