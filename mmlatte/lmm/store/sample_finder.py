"""The samples of now that records of a store are about."""

import numpy as np

from mmlatte.sample_key import Samples

from .text_record import TextRecord

__all__ = ['SampleFinder']


class SampleFinder:
    """Finds samples by what is in their images.

    A renamed image is found under its new name; one that took another's
    place is not.

    Args:
        samples (Samples): N samples.
        images (np.ndarray): uint64 (N,), what their images are known by; see
            `picture_keys`.
    """

    def __init__(self, samples: Samples, images: np.ndarray) -> None:
        self._samples = samples
        self._order = np.argsort(images, kind='stable')
        self._sorted = images[self._order]

    def row(self, record: TextRecord) -> int | None:
        """Return the number of a record's sample; None if it is gone.

        Of copies it is the one of the record's name, else the first.
        """
        key = np.uint64(int(record.image, 16))
        start = np.searchsorted(self._sorted, key)
        stop = np.searchsorted(self._sorted, key, side='right')
        rows = self._order[start:stop].tolist()
        for row in rows[1:]:
            if self._samples.names(row, row + 1) == [record.sample_id]:
                return row
        return rows[0] if rows else None
