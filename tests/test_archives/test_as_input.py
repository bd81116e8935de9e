"""Archives in the place of a folder of images."""

import numpy as np
import pytest

from mmlatte.apis import find_images
from mmlatte.datasets import UnlabeledFolder
from mmlatte.datasets.image_list import image_root, read_image_list
from mmlatte.datasets.transforms import LoadImage
from mmlatte.image_table import ImageTable


@pytest.fixture
def files(tmp_path, pictures):
    """The pictures as a folder, and how to find the same in an archive."""
    folder = tmp_path / 'folder'
    folder.mkdir()
    for n, data in enumerate(pictures):
        (folder / f'{n}.jpg').write_bytes(data)
    return folder


@pytest.fixture
def shards(tmp_path, tar, pictures):
    members = [(f'{n}.jpg', data) for n, data in enumerate(pictures)]
    (tmp_path / 'shards').mkdir()
    for n in (0, 1):
        part = members[3 * n : 3 * n + 3]
        tar(tmp_path / f'shards/t-{n}.tar', [*part, ('0.cls', b'')])
    return tmp_path / 'shards'


def dataset(root, **kwargs) -> UnlabeledFolder:
    return UnlabeledFolder(
        data_root=str(root), classes=['a', 'b'], pipeline=[], **kwargs
    )


def test_a_shard_a_pattern_and_a_folder_of_shards(shards, pictures):
    names = {f't-{n // 3}.tar/{n}.jpg' for n in range(6)}
    for root in (shards, shards / '*.tar', shards / 't-[01].tar'):
        data = dataset(root)
        assert {*data.data_list.names()} == names
        assert data.left_out == {('.cls', 'no image'): 2}
        assert image_root(root) == str(shards)
        info = data.get_data_info(0)
        assert info['img_path'] == f'{shards}/{info["sample_id"]}'
    one = dataset(shards / 't-1.tar', leave_out=['t-1.tar/4.jpg'])
    assert {*one.data_list.names()} == {f't-1.tar/{n}.jpg' for n in (3, 5)}
    assert image_root(shards / 't-1.tar') == str(shards)
    with pytest.raises(FileNotFoundError, match=r'does not exist\.$'):
        dataset(shards / 'u-*.tar')
    with pytest.raises(FileNotFoundError, match=r'Braces.*write \*'):
        dataset(shards / 't-{0..1}.tar')
    (shards / 't.tar.gz').write_bytes(b'')
    with pytest.raises(ValueError, match=r'gz. is no.*must be decompressed'):
        dataset(shards / 't.tar.gz')
    (shards / 't.tar.gz').unlink()
    (shards / 't-2.tar').mkdir()
    with pytest.raises(ValueError, match=r"t-2\.tar', which holds no image"):
        dataset(shards / '*.tar')


def test_an_archive_beside_images_is_left_out(files, shards, pictures):
    (shards / 't-0.tar').rename(files / 'copy.tar')
    data = dataset(files)
    assert len(data) == 6
    reason = '.tar', 'archive beside images: name it by itself'
    assert data.left_out == {reason: 1}
    assert len(find_images(files)) == 6


def test_an_archive_without_images_says_what_it_holds(tmp_path, tar):
    tar(tmp_path / 'x.tar', [('1.mp4', b''), ('2.txt', b'')])
    for root in (tmp_path, tmp_path / 'x.tar'):
        with pytest.raises(FileNotFoundError, match=r'no image.*1 \.mp4 \(vi'):
            dataset(root)
        with pytest.raises(FileNotFoundError, match='holds no image'):
            find_images(root)


def test_find_images(shards, files, pictures):
    members = [f'{shards}/t-{n // 3}.tar/{n}.jpg' for n in range(6)]
    assert find_images(shards) == members
    assert find_images(shards / '*.tar') == members
    assert find_images([shards / 't-1.tar', members[0]]) == [
        *members[3:],
        members[0],
    ]


def test_a_list_may_name_members(shards):
    path = shards.parent / 'list.txt'
    path.write_text('shards/t-0.tar/1.jpg\nshards/t-1.tar/3.jpg\n')
    assert len(read_image_list(path)) == 2
    path.write_text('shards/t-0.tar/1.jpg\nshards/t-1.tar/1.jpg\n')
    with pytest.raises(FileNotFoundError, match=r't-1\.tar/1\.jpg'):
        read_image_list(path)


def test_an_image_is_the_same_wherever_it_lies(
    tmp_path, files, shards, hub_table, parquet, pictures
):
    hub = parquet(
        tmp_path / 'x.parquet',
        hub_table({'image': pictures}),
        row_group_size=2,
    )
    load = LoadImage()
    table = ImageTable(tmp_path / 'cache')
    plain = [f'{files}/{n}.jpg' for n in range(6)]
    expected = table.of(plain).keys
    for found in (find_images(shards), find_images(hub)):
        np.testing.assert_array_equal(table.of(found).keys, expected)
        for path, other in zip(found, plain, strict=True):
            np.testing.assert_array_equal(load.load(path), load.load(other))
    # Nothing is read again.
    assert not table.of(find_images(hub)).changed.size
