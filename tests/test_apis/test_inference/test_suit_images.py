"""Which of many files tell the range of new images."""

import importlib
from types import SimpleNamespace

import pytest

from mmlatte.apis import suit_images
from mmlatte.datasets.transforms import LoadImage
from mmlatte.decode_image.folder_range import SAMPLE


@pytest.mark.parametrize('count', [1, SAMPLE, 2 * SAMPLE - 1, 3 * SAMPLE - 1])
def test_the_sample_reaches_to_the_end(count, monkeypatch):
    seen = []

    def look(sample, options, max_pixels):
        seen.extend(sample[:SAMPLE])
        return SimpleNamespace(
            measured=False, mostly_dark=False, options=options
        )

    module = importlib.import_module('mmlatte.apis.inference.suit_images')
    monkeypatch.setattr(module, 'look_at_folder', look)
    inferencer = SimpleNamespace(
        pipeline=(LoadImage(), None), set_decoding=lambda _: None
    )
    images = [f'{i:04d}.tif' for i in range(count)]
    suit_images(inferencer, images)
    assert len(seen) <= SAMPLE
    # Files are sorted, often class by class.
    assert images.index(seen[-1]) >= 0.9 * (count - 1) - 4
