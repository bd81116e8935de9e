import numpy as np
import pytest

from mmlatte.engine.frozen import feature_cache as module
from mmlatte.engine.frozen.feature_cache import FeatureCache


@pytest.fixture
def caches(tmp_path):
    """The same complete chunks, as two processes see them."""
    caches = FeatureCache(tmp_path, 5, 2), FeatureCache(tmp_path, 5, 2)
    for chunk in range(3):
        rows = len(caches[0].samples(chunk))
        caches[0].write(chunk, np.full((rows, 4), chunk, np.float32))
    return caches


@pytest.mark.parametrize('chunk', [0, 2])
def test_another_process_merges_first(caches, monkeypatch, chunk):
    mine, other = caches
    load = np.load

    def interrupted(path, *args, **kwargs):
        if path == mine._chunk(chunk):
            monkeypatch.setattr(module.np, 'load', load)
            other.merge()
        return load(path, *args, **kwargs)

    monkeypatch.setattr(module.np, 'load', interrupted)
    mine.merge()
    assert [p.name for p in mine.folder.iterdir()] == ['features.npy']
    assert mine.open()[:, 0].tolist() == [0, 0, 1, 1, 2]


def test_nothing_is_missing_if_it_was_merged_meanwhile(caches, monkeypatch):
    mine, other = caches
    name = FeatureCache._chunk

    def interrupted(self, chunk):
        if self is mine:
            other.merge()
        return name(self, chunk)

    monkeypatch.setattr(FeatureCache, '_chunk', interrupted)
    assert mine.missing() == []


def test_a_chunk_that_is_really_gone_is_an_error(caches):
    caches[0]._chunk(1).unlink()
    with pytest.raises(FileNotFoundError):
        caches[0].merge()
    assert caches[0].missing() == [1]
