"""Parquet and Arrow files with a column of images."""

import json

import pytest

from mmlatte.archives import (
    archive_files,
    archived_images,
    archives_of_folder,
    image_status,
    is_archive,
    open_image,
)
from mmlatte.archives.parquet_archive import ParquetArchive
from mmlatte.datasets.image_list import is_image_list

arrow = pytest.importorskip('pyarrow')


def read(path) -> bytes:
    with open_image(path) as file:
        return file.read()


def images(path) -> list[bytes]:
    found = archived_images(str(path.parent), [path.name])
    return [read(path.parent / name) for name in found.names]


@pytest.mark.parametrize('groups', [1, 4, 100])
@pytest.mark.parametrize('compression', ['none', 'zstd'])
def test_parquet_of_the_hub(
    tmp_path, hub_table, parquet, pictures, groups, compression
):
    rows = hub_table({'image': pictures, 'label': [0] * 6})
    path = parquet(
        tmp_path / 'train.parquet',
        rows,
        row_group_size=groups,
        compression=compression,
    )
    assert is_archive(path)
    found = archived_images(str(tmp_path), [path.name])
    assert found.names == [f'train.parquet/{n:08d}.jpg' for n in range(6)]
    assert not found.left_out
    # From the last to the first, so that groups are left and come again.
    got = [read(tmp_path / name) for name in found.names[::-1]]
    assert got[::-1] == pictures
    # Without reading it, nothing tells the size.
    assert image_status(tmp_path / found.names[0])[0] == path.stat().st_size
    for name in ('00000006.jpg', 'x.jpg', '6'):
        with pytest.raises(FileNotFoundError, match='holds no'):
            open_image(path / name)


def test_a_changed_table_is_read_anew(
    tmp_path, hub_table, parquet, arrow_file, pictures
):
    paths = tmp_path / 'a.parquet', tmp_path / 'a.arrow'
    for column in (pictures[:3], pictures[3:]):
        for path, write in zip(paths, (parquet, arrow_file), strict=True):
            # As programs replace files: those that read them go on.
            write(tmp_path / 'new', hub_table({'image': column}))
            (tmp_path / 'new').replace(path)
            assert images(path) == column


@pytest.mark.parametrize('kind', ['binary', 'large_binary'])
def test_plain_bytes(tmp_path, parquet, arrow_file, pictures, kind):
    column = arrow.array(pictures, getattr(arrow, kind)())
    rows = arrow.table({'content': column, 'class': ['x'] * 6})
    assert images(parquet(tmp_path / 'a.parquet', rows)) == pictures
    assert images(arrow_file(tmp_path / 'a.arrow', rows)) == pictures
    found = archived_images(str(tmp_path), ['a.arrow'])
    assert found.names[0] == 'a.arrow/00000000.png'


@pytest.mark.parametrize('new', ['new_stream', 'new_file'])
def test_arrow_of_both_formats(tmp_path, hub_table, arrow_file, pictures, new):
    rows = hub_table({'image': pictures})
    path = arrow_file(tmp_path / 'a.arrow', rows, getattr(arrow.ipc, new))
    assert images(path) == pictures
    assert image_status(path / '00000003.jpg')[0] == len(pictures[3])


def test_several_columns_of_images(tmp_path, hub_table, parquet, pictures):
    rows = hub_table({'mask': pictures[3:], 'Image': pictures[:3]})
    path = parquet(tmp_path / 'a.parquet', rows)
    assert images(path) == pictures[:3]
    found = archived_images(str(tmp_path), ['a.parquet'])
    assert found.left_out == {("column 'mask'", 'another image of a row'): 3}
    parquet(path, hub_table({'left': pictures[:1], 'right': pictures[:1]}))
    with pytest.raises(ValueError, match="'left', 'right': name that of the"):
        archived_images(str(tmp_path), ['a.parquet'])


def test_rows_without_an_image(tmp_path, hub_table, parquet, pictures):
    rows = [pictures[0], None, pictures[1]]
    table = hub_table({'image': rows}, ['x.png', None, 'y.JPEG'])
    parquet(tmp_path / 'a.parquet', table)
    found = archived_images(str(tmp_path), ['a.parquet']).names
    assert [n[-12:] for n in found] == [
        '00000000.png',
        '00000001.png',
        '0000002.jpeg',
    ]
    assert read(tmp_path / found[2]) == pictures[1]
    with pytest.raises(ValueError, match='holds nothing in this row'):
        open_image(tmp_path / found[1])


def test_paths_of_files_are_no_images(
    tmp_path, hub_table, parquet, arrow_file
):
    table = hub_table({'image': [None, None]}, ['/data/1.jpg', '/data/2.jpg'])
    for path in (
        parquet(tmp_path / 'a.parquet', table),
        arrow_file(tmp_path / 'a.arrow', table),
    ):
        with pytest.raises(ValueError, match=r"the first: '/data/1\.jpg'"):
            archived_images(str(tmp_path), [path.name])


def test_tables_that_hold_no_images(tmp_path, parquet, arrow_file, hub_table):
    lists = arrow.table({'images': [[{'bytes': b'1', 'path': 'x'}]]})
    path = parquet(tmp_path / 'a.parquet', lists)
    assert not is_archive(path)
    assert archive_files(str(path)) == []
    path = arrow_file(tmp_path / 'a.arrow', lists)
    with pytest.raises(ValueError, match=r"no column of images.*\['images'\]"):
        archived_images(str(tmp_path), [path.name])
    for name in ('b.arrow', 'b.parquet'):
        (tmp_path / name).write_bytes(b'no table at all')
        with pytest.raises(ValueError, match='is damaged, or no'):
            archived_images(str(tmp_path), [name])


def test_groups_of_rows_that_are_too_large(
    tmp_path, hub_table, parquet, pictures, monkeypatch
):
    size = sum(map(len, pictures))
    most = 'mmlatte.archives.parquet_archive.MEMORY'
    monkeypatch.setattr(most, size // 2)
    table = hub_table({'image': pictures})
    path = parquet(tmp_path / 'a.parquet', table, compression='none')
    with pytest.raises(ValueError, match='row_group_size=100'):
        archived_images(str(tmp_path), [path.name])
    # Of small ones no more are kept than that.
    monkeypatch.setattr(most, size)
    path = tmp_path / 'b.parquet'
    parquet(path, table, compression='none', row_group_size=1)
    ParquetArchive._kept.clear()
    assert images(path) == pictures
    held = [column.nbytes for column in ParquetArchive._kept.values()]
    assert 1 <= len(held) < 6
    assert sum(held) <= size


def test_folders_of_save_to_disk(tmp_path, hub_table, arrow_file, pictures):
    for n in range(3):
        rows = hub_table({'image': pictures[2 * n : 2 * n + 2]})
        arrow_file(tmp_path / 'train' / f'data-0000{n}-of-00003.arrow', rows)
    arrow_file(tmp_path / 'train' / 'cache-1234.arrow', rows)
    files = [{'filename': f'data-0000{n}-of-00003.arrow'} for n in range(3)]
    state = tmp_path / 'train' / 'state.json'
    state.write_text(json.dumps({'_data_files': files}))
    names = [f'train/{p.name}' for p in state.parent.glob('*.arrow')]
    found, left_out = archives_of_folder(str(tmp_path), names)
    assert found == [f'train/{file["filename"]}' for file in files]
    assert left_out == {('.arrow', 'not named by state.json'): 1}
    inside = archived_images(str(tmp_path), found).names
    assert [read(tmp_path / name) for name in inside] == pictures
    state.write_text('{}')
    with pytest.raises(ValueError, match='is not what save_to_disk writes'):
        archives_of_folder(str(tmp_path), names)
    state.unlink()
    assert len(archives_of_folder(str(tmp_path), names)[0]) == 4


def test_hashes_beside_paths_are_no_images(tmp_path, parquet):
    rows = {'path': ['0.jpg', '1.jpg'], 'md5': [b'01', b'23']}
    path = parquet(tmp_path / 'list.parquet', arrow.table(rows))
    assert not is_archive(path) and is_image_list(path)
    # Without paths, plain bytes are the images.
    rows = {'label': ['a', 'b'], 'content': rows['md5']}
    assert is_archive(parquet(tmp_path / 'b.parquet', arrow.table(rows)))
