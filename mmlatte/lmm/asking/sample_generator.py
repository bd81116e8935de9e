import hashlib

import numpy as np

from mmlatte.sample_key import encode_id

__all__ = ['sample_generator']


def sample_generator(sample_id: str, seed: int) -> np.random.Generator:
    """Make random numbers that depend on a sample's id and a seed alone.

    Every rerun, on any number of processes, draws the same.
    """
    digest = hashlib.blake2b(
        encode_id(sample_id), digest_size=8, salt=seed.to_bytes(8, 'little')
    )
    return np.random.default_rng(int.from_bytes(digest.digest(), 'little'))
