from dataclasses import dataclass

import numpy as np


@dataclass
class Questions:
    """Images to ask about.

    Args:
        rows (np.ndarray): Which, int64 (Q,).
        shares (np.ndarray): Share of all images to which none of the others
            is nearer, (Q,); they sum to 1.
    """

    rows: np.ndarray
    shares: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)
