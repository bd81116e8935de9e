import hashlib
import json
from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ['fingerprint']


def fingerprint(facts: list, state: Mapping[str, Tensor]) -> str:
    """Return a hash of facts and weights.

    Args:
        facts (list): What JSON can hold.
        state (Mapping[str, Tensor]): Names and weights.
    """
    text = json.dumps(facts, sort_keys=True)
    digest = hashlib.blake2b(text.encode(), digest_size=16)
    for name, tensor in sorted(state.items()):
        digest.update(f'{name}{tensor.dtype}{[*tensor.shape]}'.encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy())
    return digest.hexdigest()
