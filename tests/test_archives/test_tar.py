"""Tar files, among them shards of WebDataset."""

import gzip
import io
import tarfile
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlatte.archives import archived_images, image_status, open_image
from mmlatte.archives.open_image import open_archive
from mmlatte.archives.webdataset_samples import one_of_each


def read(path) -> bytes:
    with open_image(path) as file:
        return file.read()


def test_a_shard_of_webdataset(tmp_path, tar, pictures):
    members = []
    for n, data in enumerate(pictures[:3]):
        key = f'{"a/" if n else ""}s{n:04d}'
        members += [(f'{key}.cls', b'1'), (f'{key}.JPG', data)]
        members += [(f'{key}.json', b'{}'), (f'{key}.mask.png', b'mask')]
    path = tar(tmp_path / 'shard-0000.tar', members)
    found = archived_images(str(tmp_path), [path.name])
    names = ['s0000.JPG', 'a/s0001.JPG', 'a/s0002.JPG']
    assert found.names == [f'shard-0000.tar/{name}' for name in names]
    assert found.left_out == {
        ('.cls', 'no image'): 3,
        ('.json', 'no image'): 3,
        ('.mask.png', 'another image of a sample'): 3,
    }
    assert [read(tmp_path / n) for n in found.names] == pictures[:3]
    # What is no image of the data set can still be read by its name.
    assert read(path / 's0000.mask.png') == b'mask'
    status = path.stat()
    assert image_status(path / 's0000.JPG') == (
        len(pictures[0]),
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


@pytest.mark.parametrize(
    ('names', 'kept'),
    [
        (['7.jpg', '7.png'], ['7.jpg']),
        (['7.png', '7.JPG'], ['7.JPG']),
        (['7.seg.png', '7.png', '7.webp'], ['7.png']),
        (['7.tif', '7.bmp'], ['7.bmp']),
        (['IMG.2021.jpg', 'IMG.2022.jpg'], ['IMG.2021.jpg', 'IMG.2022.jpg']),
        (['a.b/7.jpg', 'a.b/8.jpg', '7.png'], None),
    ],
)
def test_the_image_of_a_sample(names, kept):
    kept = names if kept is None else kept
    others = [name for name in names if name not in kept]
    assert one_of_each(names) == (kept, others)


NAMES = st.text('aé./ ~\udc80', min_size=1, max_size=150)


@given(
    st.dictionaries(NAMES, st.binary(max_size=2000), max_size=12),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
)
def test_members_are_those_of_tarfile(tmp_path_factory, members, kind):
    path = tmp_path_factory.mktemp('tar') / 'x.tar'
    with tarfile.open(path, 'w', format=kind) as file:
        for name, data in members.items():
            entry = tarfile.TarInfo(name + '.jpg')
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
    try:
        names, _ = open_archive(str(path)).images(['.jpg'])
    except ValueError as error:
        assert 'two members' in str(error)
        return
    with tarfile.open(path) as file:
        whole = {m.name: file.extractfile(m).read() for m in file}
    clean = {_inside(name): data for name, data in whole.items()}
    for name in names:
        assert '..' not in name.split('/')
        assert not name.startswith('/')
        assert read(f'{path}/{name}') == clean[name]


def _inside(name: str) -> str | None:
    """Resolve ``.`` and ``..`` one by one; None for what leaves."""
    parts = []
    for part in name.split('/'):
        if part == '..':
            if not parts:
                return None
            parts.pop()
        elif part not in ('', '.'):
            parts.append(part)
    return None if name.startswith('/') else '/'.join(parts)


def test_what_is_no_image_of_its_own_is_counted(tmp_path, pictures):
    path = tmp_path / 'x.tar'
    with tarfile.open(path, 'w') as file:
        for name in ('./a/1.jpg', '../out.jpg', '/etc/2.jpg', 'a/._1.jpg'):
            entry = tarfile.TarInfo(name)
            entry.size = len(pictures[0])
            file.addfile(entry, io.BytesIO(pictures[0]))
        for name, kind in (
            ('link.jpg', tarfile.SYMTYPE),
            ('hard.jpg', tarfile.LNKTYPE),
            ('dir.jpg', tarfile.DIRTYPE),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, '/etc/passwd'
            file.addfile(entry)
    found = archived_images(str(tmp_path), ['x.tar'])
    assert found.names == ['x.tar/a/1.jpg']
    assert found.left_out == Counter(
        {
            ('outside', 'its name leaves the archive'): 2,
            ('link', 'no file of its own'): 2,
            ('hidden', 'name begins with a dot'): 1,
        }
    )
    for name in ('link.jpg', 'out.jpg', '../out.jpg', 'a/2.jpg'):
        with pytest.raises(FileNotFoundError, match='holds no'):
            open_image(path / name)
        with pytest.raises(FileNotFoundError, match='holds no'):
            image_status(path / name)


def test_archives_that_cannot_be_read(tmp_path, tar, pictures):
    path = tar(tmp_path / 'x.tar', [(f'{i}.jpg', pictures[i]) for i in (0, 1)])
    whole = path.read_bytes()
    for content in (whole[:700], gzip.compress(whole), b'no archive'):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"x\.tar' is damaged, or no"):
            archived_images(str(tmp_path), ['x.tar'])
    tar(path, [('1.jpg', b'1'), ('./1.jpg', b'2')])
    with pytest.raises(ValueError, match=r"two members '1\.jpg'"):
        archived_images(str(tmp_path), ['x.tar'])


def test_a_changed_archive_is_read_anew(tmp_path, tar, pictures):
    path = tar(tmp_path / 'x.tar', [('1.jpg', pictures[0])])
    assert read(path / '1.jpg') == pictures[0]
    tar(path, [('0.jpg', b'x' * 999), ('1.jpg', pictures[1])])
    assert read(path / '1.jpg') == pictures[1]


def test_paths_that_only_look_like_members(tmp_path):
    folder = tmp_path / 'x.tar'
    folder.mkdir()
    (folder / '1.jpg').write_bytes(b'a file')
    assert read(folder / '1.jpg') == b'a file'
    for path in (folder / '2.jpg', tmp_path / 'y.tar' / '1.jpg'):
        with pytest.raises(FileNotFoundError, match='No such file'):
            open_image(path)


@pytest.mark.parametrize(
    ('spoil', 'why'),
    [
        # Headers are the blocks 0, 2, 4 and 6; then comes the end mark.
        (lambda d: d[:2048] + b'\xff' + d[2049:], 'is damaged at byte 2048'),
        (lambda d: d[:2048], 'without the mark of its end'),
        (lambda d: d + d, 'another archive behind it'),
    ],
)
def test_the_rest_is_not_lost_in_silence(tmp_path, tar, spoil, why):
    path = tar(tmp_path / 'a.tar', [(f'{n}.jpg', b'1') for n in range(4)])
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ValueError, match=why):
        archived_images(str(tmp_path), [path.name])
