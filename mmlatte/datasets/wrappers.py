"""mmengine's wrappers of data sets: joined, repeated, balanced."""

import copy
import logging
from collections.abc import Iterator, Sequence

import numpy as np
from mmengine.dataset import (
    ClassBalancedDataset,
    ConcatDataset,
    RepeatDataset,
)
from mmengine.logging import print_log
from torch.utils.data import Dataset

from mmlatte.registry import DATASETS

from .joined_dataset import JoinedDataset

__all__ = ['is_wrapped', 'leaf_configs', 'unwrap', 'with_pipeline']

WRAPPERS = (ConcatDataset, RepeatDataset, ClassBalancedDataset)


def is_wrapped(config: dict) -> bool:
    """Whether the config of a data set is that of a wrapper.

    Args:
        config (dict): With ``type``.
    """
    kind = config.get('type')
    return (DATASETS.get(kind) if isinstance(kind, str) else kind) in WRAPPERS


def leaf_configs(config: dict) -> Iterator[dict]:
    """Yield the configs of the data sets inside of wrappers.

    Args:
        config (dict): Of a data set, wrapped or not.
    """
    if not is_wrapped(config):
        yield config
        return
    for inner in config.get('datasets', ()) or [config['dataset']]:
        yield from leaf_configs(inner)


def with_pipeline(config: dict, pipeline: Sequence[dict]) -> dict:
    """Return the config of a data set with another pipeline.

    Args:
        config (dict): Of a data set, wrapped or not; not changed.
        pipeline (Sequence[dict]): The pipeline.
    """
    config = copy.deepcopy(config)
    for leaf in leaf_configs(config):
        leaf['pipeline'] = list(pipeline)
    return config


def unwrap(dataset: Dataset) -> tuple[Dataset, np.ndarray | None]:
    """Return the distinct samples of a data set, and the order of an epoch.

    Args:
        dataset (Dataset): Wrapped or not.

    Returns:
        tuple: A data set without repeats, and the numbers of its samples as
        the wrapper has them, int64; None if each occurs once, in order.
    """
    leaves: list[Dataset] = []
    order = _walk(dataset, leaves)
    distinct = leaves[0] if len(leaves) == 1 else JoinedDataset(leaves)
    if np.array_equal(order, np.arange(len(distinct))):
        return distinct, None
    return distinct, order


def _walk(dataset: Dataset, leaves: list[Dataset]) -> np.ndarray:
    """Collect the data sets inside; return numbers of their samples."""
    if isinstance(dataset, ConcatDataset):
        return np.concatenate([_walk(one, leaves) for one in dataset.datasets])
    if isinstance(dataset, RepeatDataset):
        return np.tile(_walk(dataset.dataset, leaves), dataset.times)
    if isinstance(dataset, ClassBalancedDataset):
        print_log(
            'ClassBalancedDataset repeats images by their labels: training '
            'with it is not label-free.',
            'current',
            level=logging.WARNING,
        )
        inner = _walk(dataset.dataset, leaves)
        return inner[np.asarray(dataset.repeat_indices)]
    start = sum(len(leaf) for leaf in leaves)
    leaves.append(dataset)
    return np.arange(start, start + len(dataset))
