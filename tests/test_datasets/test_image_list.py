"""Images that a file lists."""

import csv
from pathlib import Path

import pytest
from PIL import Image

from mmlatte.apis import find_images
from mmlatte.datasets import UnlabeledFolder
from mmlatte.datasets.image_list import (
    image_root,
    is_image_list,
    read_image_list,
)
from mmlatte.sample_key import sample_key

FILES = ['a/1.png', 'a/2.png', 'b/1.png', 'b/with, comma.png']


@pytest.fixture
def folder(tmp_path) -> Path:
    for n, name in enumerate(FILES):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new('RGB', (4, 4), (n, 0, 0)).save(tmp_path / name)
    Image.new('RGB', (4, 4)).save(tmp_path / 'a' / 'not listed.png')
    return tmp_path


def write(path: Path, rows: list[list[str]], delimiter: str = ',') -> Path:
    with path.open('w', newline='', encoding='utf-8') as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def parquet(path: Path, rows: list[list[str]]) -> Path:
    arrow = pytest.importorskip('pyarrow')
    import pyarrow.parquet

    header, *values = rows
    columns = zip(*values, strict=True)
    table = arrow.table(dict(zip(header, columns, strict=True)))
    pyarrow.parquet.write_table(table, path)
    return path


@pytest.mark.parametrize('kind', ['csv', 'tsv', 'semicolon', 'parquet'])
@pytest.mark.parametrize('header', ['path', 'image', 'File_Name'])
def test_tables_of_paths(folder, kind, header):
    rows = [['label', header], *(['x', name] for name in FILES)]
    if kind == 'parquet':
        path = parquet(folder / 'list.parquet', rows)
    else:
        path = folder / f'list.{"csv" if kind == "semicolon" else kind}'
        write(path, rows, {'tsv': '\t', 'semicolon': ';'}.get(kind, ','))
    index = read_image_list(path)
    assert sorted(index.names()) == FILES
    assert index.labels is None
    assert index.names() == sorted(FILES, key=sample_key)
    assert index.paths() == [str(folder / name) for name in index.names()]


@pytest.mark.parametrize('suffix', ['txt', 'csv'])
@pytest.mark.parametrize('header', ['', 'path\n'])
def test_a_path_a_line(folder, suffix, header):
    path = folder / f'list.{suffix}'
    path.write_text(header + '\n'.join(FILES[:3]) + '\n')
    assert sorted(read_image_list(path).names()) == FILES[:3]


def test_ids_of_their_own_go_with_their_files(folder):
    rows = [['id', 'path'], *([f'no {n}', f] for n, f in enumerate(FILES))]
    index = read_image_list(write(folder / 'list.csv', rows))
    expected = {f'no {n}': str(folder / f) for n, f in enumerate(FILES)}
    for part in (index, index[1:], index.take([2, 0]), index[1:].take([1])):
        infos = [part[i] for i in range(len(part))]
        for info, name, path in zip(
            infos, part.names(), part.paths(), strict=True
        ):
            assert info == dict(sample_id=name, img_path=expected[name])
            assert path == expected[name]
    assert index.paths(1, 4, 2) == [expected[n] for n in index.names(1, 4, 2)]
    assert {*index.names()} == {*expected}


def test_absolute_paths_and_file_addresses(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp('lists')
    rows = [['url'], [(folder / FILES[0]).as_uri()], [str(folder / FILES[3])]]
    index = read_image_list(write(other / 'list.csv', [*rows]))
    assert {*index.paths()} == {str(folder / FILES[i]) for i in (0, 3)}
    assert all(name.startswith('../') for name in index.names())


@pytest.mark.parametrize(
    ('rows', 'error', 'words'),
    [
        (
            [['id', 'what'], ['1', 'x']],
            ValueError,
            r"columns \['id', 'what'\]",
        ),
        ([['path', 'x'], ['', '1']], ValueError, 'image 1: its path is empty'),
        (
            [['url', 'x'], ['https://host/a.png', '']],
            ValueError,
            'not on this machine',
        ),
        ([['path', 'x'], ['a/3.png', '']], FileNotFoundError, r'a/3\.png'),
        (
            [['path', 'id'], ['a/1.png', 'x'], ['a/2.png', 'x']],
            ValueError,
            "'x'.* stand there twice",
        ),
        (
            [['path', 'id'], ['a/1.png', ''], ['a/2.png', 'x']],
            ValueError,
            'one is empty',
        ),
        (
            [['path', 'id'], ['a/1.png', '1'], ['a/2.png']],
            ValueError,
            'one is empty',
        ),
        (
            [['id', 'path'], ['1', 'a/1.png'], ['2', 'b/with', ' comma.png']],
            ValueError,
            r"list\.csv', line 3, has 3 fields, the first line 2; quote names",
        ),
        ([['path', 'id']], ValueError, 'names no image'),
    ],
)
def test_wrong_lists_are_refused(folder, rows, error, words):
    with pytest.raises(error, match=words):
        read_image_list(write(folder / 'list.csv', rows))


def test_a_data_set_of_a_list(folder):
    path = write(folder / 'list.csv', [['path'], *([f] for f in FILES[:2])])
    dataset = UnlabeledFolder(str(path), 'sea, city')
    assert len(dataset) == 2
    assert {dataset.get_data_info(i)['sample_id'] for i in range(2)} == {
        *FILES[:2]
    }
    assert is_image_list(path) and not is_image_list(folder)
    assert image_root(path) == image_root(folder) == str(folder)
    assert sorted(find_images(str(path))) == [
        str(folder / name) for name in FILES[:2]
    ]
