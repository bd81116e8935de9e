import hashlib
import os
import shutil

import numpy as np
import pytest

from mmlatte import image_table as module
from mmlatte.image_table import ImageTable, key_name


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    """Files that were written just now count as written long ago."""
    monkeypatch.setattr(module, 'SETTLED_NS', 0)


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / 'images'
    folder.mkdir()
    for number in range(10):
        (folder / f'{number}.pgm').write_bytes(b'P5 1 1 255 %d' % number)
    return sorted(folder.iterdir())


@pytest.fixture
def read(monkeypatch):
    """Names of the files that are read."""
    seen = []
    hash_of = module._hash

    def count(paths):
        seen.extend(os.path.basename(path) for path in paths)
        return hash_of(paths)

    monkeypatch.setattr(module, '_hash', count)
    return seen


def look(folder, files):
    return ImageTable(folder).of([str(path) for path in files])


def test_keys_are_hashes_of_the_bytes(files, tmp_path, monkeypatch):
    monkeypatch.setattr(module, 'CHUNK', 4)
    found = look(tmp_path, files)
    expected = [
        hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
        for path in files
    ]
    assert [key_name(key) for key in found.keys] == expected
    assert found.keys.dtype == np.uint64 and not len(found.changed)


@pytest.mark.parametrize('block', [1, 3, 100])
def test_unchanged_files_are_not_read_again(
    files, tmp_path, read, monkeypatch, block
):
    for name in ('BLOCK', 'READ', 'PART'):
        monkeypatch.setattr(module, name, block)
    first = look(tmp_path, files)
    assert sorted(read) == [path.name for path in files]
    read.clear()
    second = look(tmp_path, files[::-1])
    assert read == [] and not len(second.changed)
    assert second.keys.tolist() == first.keys[::-1].tolist()


def test_a_change_of_the_same_size_and_time_is_seen(files, tmp_path, read):
    first = look(tmp_path, files)
    read.clear()
    stat = files[3].stat()
    files[3].write_bytes(b'P5 1 1 255 X')
    os.utime(files[3], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    second = look(tmp_path, files)
    assert read == ['3.pgm'] and second.changed.tolist() == [3]
    assert np.flatnonzero(first.keys != second.keys).tolist() == [3]


def test_names_that_were_exchanged_are_seen(files, tmp_path, read):
    """As `mv` does it; all files of an archive may share size and time."""
    for path in files:
        os.utime(path, ns=(0, 0))
    first = look(tmp_path, files)
    read.clear()
    files[0].rename(tmp_path / 'third')
    files[1].rename(files[0])
    (tmp_path / 'third').rename(files[1])
    second = look(tmp_path, files)
    assert sorted(read) == ['0.pgm', '1.pgm']
    assert second.changed.tolist() == [0, 1]
    assert second.keys[:2].tolist() == first.keys[:2].tolist()[::-1]


def test_copies_and_moved_files_keep_their_keys(files, tmp_path):
    first = look(tmp_path, files)
    shutil.copytree(tmp_path / 'images', tmp_path / 'copy')
    copied = look(tmp_path, sorted((tmp_path / 'copy').iterdir()))
    (tmp_path / 'copy').rename(tmp_path / 'moved')
    moved = look(tmp_path, sorted((tmp_path / 'moved').iterdir()))
    for found in (copied, moved):
        assert found.keys.tolist() == first.keys.tolist()
        assert not len(found.changed)


def test_a_touched_file_is_read_and_not_changed(files, tmp_path, read):
    first = look(tmp_path, files)
    read.clear()
    os.utime(files[2])
    second = look(tmp_path, files)
    assert read == ['2.pgm'] and not len(second.changed)
    assert second.keys.tolist() == first.keys.tolist()


def test_a_file_that_was_written_just_now_is_read_again(
    files, tmp_path, read, monkeypatch
):
    monkeypatch.setattr(module, 'SETTLED_NS', 3_600_000_000_000)
    for _ in range(2):
        look(tmp_path, files)
        assert len(read) == 10
        read.clear()
    files[0].write_bytes(b'another')
    assert look(tmp_path, files).changed.tolist() == [0]


def test_a_killed_process_goes_on(files, tmp_path, read, monkeypatch):
    monkeypatch.setattr(module, 'SAVE_EVERY', -1)
    monkeypatch.setattr(module, 'READ', 4)
    count = module._hash

    def killed(paths):
        if len(read) == 8:
            raise KeyboardInterrupt
        return count(paths)

    monkeypatch.setattr(module, '_hash', killed)
    with pytest.raises(KeyboardInterrupt):
        look(tmp_path, files)
    monkeypatch.setattr(module, '_hash', count)
    read.clear()
    look(tmp_path, files)
    assert sorted(read) == ['8.pgm', '9.pgm']


def test_two_folders_of_one_table_do_not_mix(files, tmp_path):
    other = tmp_path / 'other'
    other.mkdir()
    for path in files:
        (other / path.name).write_bytes(path.read_bytes()[::-1])
        os.utime(other / path.name, ns=(0, 0))
        os.utime(path, ns=(0, 0))
    one = look(tmp_path, files)
    two = look(tmp_path, sorted(other.iterdir()))
    assert not {*one.keys.tolist()} & {*two.keys.tolist()}
    assert look(tmp_path, files).keys.tolist() == one.keys.tolist()


def test_files_that_cannot_be_read_have_keys_of_their_own(files, tmp_path):
    files[4].unlink()
    files[5].unlink()
    files[5].mkdir()
    found = look(tmp_path, files)
    assert len({*found.keys.tolist()}) == 10
    files[4].write_bytes(b'there again')
    again = look(tmp_path, files)
    assert np.flatnonzero(found.keys != again.keys).tolist() == [4]


def test_a_damaged_table_is_named(files, tmp_path):
    look(tmp_path, files)
    path = tmp_path / 'images.npy'
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(RuntimeError, match=r'images\.npy is damaged'):
        look(tmp_path, files)
