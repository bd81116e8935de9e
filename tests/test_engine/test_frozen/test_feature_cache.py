import os
import time

import numpy as np
import pytest

from mmlatte.engine.frozen import feature_cache as module
from mmlatte.engine.frozen.feature_cache import FeatureCache
from mmlatte.engine.frozen.feature_files import find_features


def cache_of(folder, *images, size=2, run='run'):
    cache = FeatureCache(folder, np.array(images, np.uint64), size)
    cache.begin(run, cache.unknown())
    return cache


def fill(cache):
    """Features that tell whose they are."""
    for chunk in range(cache.num_chunks):
        keys = cache.images[cache.samples(chunk)]
        cache.write(chunk, np.repeat(keys[:, None], 4, 1).astype(np.float32))
    cache.merge()


@pytest.fixture
def caches(tmp_path):
    """The same complete chunks, as two processes see them."""
    caches = [cache_of(tmp_path, 9, 2, 5, 3, 7) for _ in range(2)]
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
    assert [p.name for p in mine.folder.iterdir()] == [mine.data.name]
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


def test_only_unknown_images_are_computed(tmp_path):
    fill(cache_of(tmp_path, 9, 2, 5, 3, 7))
    other = cache_of(tmp_path, 4, 7, 2, 8, 4)
    assert other.images[other.todo].tolist() == [4, 8, 4]
    fill(other)
    assert other.open()[:, 0].tolist() == [4, 7, 2, 8, 4]
    again = cache_of(tmp_path, 9, 2, 5, 3, 7)
    assert again.complete and not len(again.todo)
    # All of them are known, none in this order.
    moved = cache_of(tmp_path, 8, 9)
    assert not moved.complete and not len(moved.todo)
    moved.merge()
    assert moved.open()[:, 0].tolist() == [8, 9]


def test_no_more_files_are_read_than_needed(tmp_path, monkeypatch):
    sets = [cache_of(tmp_path, n, n + 1) for n in (1, 5, 9)]
    for cache in sets:
        fill(cache)
    first = min(sets, key=lambda cache: cache.data.name)
    opened = []
    load = np.load

    def noted(path, *args, **kwargs):
        opened.append(path)
        return load(path, *args, **kwargs)

    monkeypatch.setattr(np, 'load', noted)
    assert not len(first.unknown()) and not opened
    found = find_features(tmp_path, first.images[::-1])
    assert found.known.all()
    assert opened == [first.data / 'images.npy']


def test_chunks_of_a_killed_run_are_taken_over_by_other_data(tmp_path):
    killed = cache_of(tmp_path, 9, 2, 5, 3, run='killed')
    killed.write(1, np.full((2, 4), 1, np.float32))
    other = cache_of(tmp_path, 1, 5, run='other')
    assert other.images[other.todo].tolist() == [1]
    fill(other)
    # The killed run may be alive elsewhere: its chunks stay for a week.
    assert killed._chunk(1).exists()
    old = time.time() - module.STALE_SECONDS - 1
    os.utime(killed._chunk(1), (old, old))
    other.merge()
    assert not killed._chunk(1).exists()


def test_a_damaged_file_is_named(tmp_path):
    cache = cache_of(tmp_path, 1, 2)
    fill(cache)
    path = cache.data / 'features.npy'
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(RuntimeError, match=r'features\.npy is damaged'):
        cache.open()
