"""The random generators of this process, as plain data."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def get_random_state() -> dict:
    """Read the generators of python, numpy and torch (current device too).

    Returns:
        dict: Tensors, numbers, lists and texts only, so that a checkpoint can
        hold it.
    """
    version, numbers, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state()
    state = dict(
        python=[version, list(numbers), gauss],
        numpy=[
            kind,
            torch.from_numpy(keys.astype(np.int64)),
            int(position),
            int(has_gauss),
            float(cached),
        ],
        torch=torch.get_rng_state(),
    )
    if torch.cuda.is_available():
        state['cuda'] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: dict) -> None:
    """Set the generators to what `get_random_state` returned."""
    version, numbers, gauss = state['python']
    random.setstate((version, tuple(numbers), gauss))
    kind, keys, position, has_gauss, cached = state['numpy']
    keys = keys.cpu().numpy().astype(np.uint32)
    np.random.set_state((kind, keys, position, has_gauss, cached))
    torch.set_rng_state(state['torch'].cpu())
    if 'cuda' in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state['cuda'].cpu())


@contextmanager
def preserved_random_state() -> Iterator[None]:
    """Undo, at the end of the block, what it did to the generators.

    Even iterating a data loader draws from torch's generator; work that
    happens on one run and not on the next (an evaluation, a cache that is
    filled) must not shift the numbers training sees.
    """
    state = get_random_state()
    try:
        yield
    finally:
        set_random_state(state)
