from dataclasses import dataclass

import numpy as np


@dataclass
class JoinedRows:
    """Rows of two arrays side by side, made when they are read.

    Args:
        first (np.ndarray): (N, d1).
        second (np.ndarray): (N, d2).
        mean (np.ndarray): Of the second, (d2,).
        basis (np.ndarray): What the centred second is projected on, (d2, k).
    """

    first: np.ndarray
    second: np.ndarray
    mean: np.ndarray
    basis: np.ndarray

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, which) -> np.ndarray:
        first = np.array(self.first[which], np.float32)
        second = np.array(self.second[which], np.float32) - self.mean
        return np.concatenate([first, second @ self.basis], axis=-1)
