from collections.abc import Callable

import numpy as np
import pytest

from mmlatte.decode_image import DecodeOptions, decode_image


@pytest.fixture
def pixels() -> Callable[..., np.ndarray]:
    """``pixels(source, range=, bands=)``: the RGB pixels."""

    def read(source, **options) -> np.ndarray:
        image = decode_image(source, 10**8, options=DecodeOptions(**options))
        assert image.mode == 'RGB'
        return np.asarray(image)

    return read


@pytest.fixture
def scene() -> np.ndarray:
    """8-bit RGB (40, 50, 3) that holds 0 and 255."""
    values = np.random.default_rng(0).integers(0, 256, (40, 50, 3))
    values[0, 0], values[0, 1] = 0, 255
    return values.astype(np.uint8)
