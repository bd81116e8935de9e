"""Independent jobs that share the missing texts without talking."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

__all__ = ['ShardPlan']


class ShardPlan:
    """A list of missing texts that all shards of a job divide.

    Shards start at different times, when some texts are made already; if
    each divided what it finds missing, texts would be left over. The first
    shard writes the list down, the others read it. Every shard takes each
    n-th of the *missing* texts, so that all have the same work left. The
    plan is removed when everything in it is made; another number of shards,
    or other texts, make another plan.

    Args:
        folder (Path): Folder of the text store.
        keys (np.ndarray): int64 keys of all wanted texts.
        num_shards (int): Number of shards.
    """

    def __init__(
        self, folder: Path, keys: np.ndarray, num_shards: int
    ) -> None:
        digest = hashlib.blake2b(keys.tobytes(), digest_size=6).hexdigest()
        self.num_shards = num_shards
        self.path = Path(folder) / f'plan-{num_shards}-{digest}.npy'

    def share(
        self, shard_id: int, find_missing: Callable[[], np.ndarray]
    ) -> np.ndarray:
        """The texts of a shard, made or not.

        Args:
            shard_id (int): From 0 to ``num_shards - 1``.
            find_missing (Callable): Lists the missing texts, int64 (M,).
        """
        if not 0 <= shard_id < self.num_shards:
            raise ValueError(
                f'shard {shard_id} of {self.num_shards}: shards are numbered '
                f'from 0 to {self.num_shards - 1}'
            )
        if not self.path.exists():
            partial = self.path.with_suffix(f'.{os.urandom(4).hex()}')
            with partial.open('wb') as file:
                np.save(file, find_missing())
            try:
                # Unlike a rename, this fails where another shard was first.
                os.link(partial, self.path)
            except FileExistsError:
                pass
            finally:
                partial.unlink()
        return np.load(self.path)[shard_id :: self.num_shards]

    def finish(self) -> None:
        """Remove the plan: everything in it is made."""
        self.path.unlink(missing_ok=True)
