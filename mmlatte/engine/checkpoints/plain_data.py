"""Checkpoints of tensors and plain data, for ``weights_only=True``."""

from collections import OrderedDict, deque
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

#: Key that marks a dict which stands for an object.
KIND = 'mmlatte:kind'
_PLAIN = (type(None), bool, int, float, complex, str, bytes)


def to_plain(value: Any, where: str) -> Any:
    """Replace objects by tensors, numbers, texts, lists and dicts of them.

    Args:
        value: Anything that mmengine or a hook puts into a checkpoint.
        where (str): Name of the value, for the error.

    Returns:
        The value in a form that ``torch.load(weights_only=True)`` accepts;
        `from_plain` turns it back.

    Raises:
        TypeError: If there is no plain form of the value.
    """
    if type(value) in _PLAIN or isinstance(value, torch.Tensor):
        return value
    if isinstance(value, dict):
        plain = {
            to_plain(key, where): to_plain(item, f'{where}.{key}')
            for key, item in value.items()
        }
        return OrderedDict(plain) if isinstance(value, OrderedDict) else plain
    if type(value) in (list, tuple):
        return type(value)(to_plain(item, where) for item in value)
    if isinstance(value, (deque, set, frozenset)):
        return [to_plain(item, where) for item in value]
    if isinstance(value, HistoryBuffer):
        log, count = value.data
        return {
            KIND: 'HistoryBuffer',
            'log': to_plain(log, where),
            'count': to_plain(count, where),
            'max_length': value.max_length,
        }
    if isinstance(value, np.ndarray):
        if value.dtype.kind in 'biuf':
            data = torch.from_numpy(np.array(value))
        else:
            data = to_plain(value.tolist(), where)
        return {KIND: 'ndarray', 'data': data}
    if isinstance(value, np.generic):
        return to_plain(value.item(), where)
    if isinstance(value, (torch.dtype, torch.device, torch.Size)):
        return value
    if isinstance(value, Path):
        return str(value)
    for base in _PLAIN[1:]:  # subclasses, e.g. of str or int
        if isinstance(value, base):
            return base(value)
    raise TypeError(
        f'{where} of the checkpoint is a {type(value).__name__}, which has no '
        'plain form; store tensors, numbers, texts, lists or dicts instead'
    )


def from_plain(value: Any) -> Any:
    """Turn the result of `to_plain` back into objects."""
    if isinstance(value, dict):
        kind = value.get(KIND)
        if kind == 'HistoryBuffer':
            return HistoryBuffer(
                from_plain(value['log']),
                from_plain(value['count']),
                value['max_length'],
            )
        if kind == 'ndarray':
            data = value['data']
            if isinstance(data, torch.Tensor):
                return data.cpu().numpy()
            return np.array(data)
        return type(value)((k, from_plain(v)) for k, v in value.items())
    if type(value) in (list, tuple):
        return type(value)(from_plain(item) for item in value)
    return value
