"""Samples by the million: their ids, and a number that stands for each."""

import sys
from collections.abc import Iterable
from hashlib import blake2b
from typing import Protocol

import numpy as np

__all__ = ['Samples', 'decode_id', 'encode_id', 'sample_key', 'sample_keys']


class Samples(Protocol):
    """What hooks may ask about many samples at once."""

    labels: np.ndarray | None

    def names(self, start: int, stop: int) -> list[str]: ...

    def paths(self, start: int, stop: int, step: int = 1) -> list[str]: ...

    def keys(self, start: int, stop: int) -> np.ndarray: ...


def encode_id(sample_id: str) -> bytes:
    """Bytes of a sample id; the inverse of :func:`decode_id`."""
    return sample_id.encode('utf-8', 'surrogateescape')


def decode_id(raw: bytes) -> str:
    """Sample id of bytes that a file name consists of."""
    return raw.decode('utf-8', 'surrogateescape')


def sample_key(sample_id: str) -> int:
    """Key of one sample: 64 bits of a hash of its id.

    Args:
        sample_id (str): Bytes that are no UTF-8 as surrogate escapes.

    Returns:
        int: From 0 to ``2**64 - 1``.
    """
    return int(sample_keys([encode_id(sample_id)])[0])


def sample_keys(sample_ids: Iterable[bytes]) -> np.ndarray:
    """Keys of many samples, which sort as their hashes do.

    Args:
        sample_ids (Iterable[bytes]): Encoded ids, N of them.

    Returns:
        np.ndarray: uint64 (N,).
    """
    hashes = [blake2b(name, digest_size=8).digest() for name in sample_ids]
    keys = np.frombuffer(bytearray().join(hashes), np.uint64)
    if sys.byteorder == 'little':
        keys.byteswap(inplace=True)  # bytes compare from the first
    return keys
