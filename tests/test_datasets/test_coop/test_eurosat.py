import os
import shutil
import subprocess
import sys

import pytest

from mmlatte.datasets import EuroSAT
from mmlatte.registry import DATASETS

NAMES = (
    'annual crop land',
    'forest',
    'herbaceous vegetation land',
    'highway or road',
    'industrial buildings',
    'pasture land',
    'permanent crop land',
    'residential buildings',
    'river',
    'sea or lake',
)
UNREACHABLE = 'http://127.0.0.1:9/EuroSAT.zip'


def build(root, **kwargs):
    return DATASETS.build(
        dict(type='mmlatte.EuroSAT', data_root=str(root), **kwargs)
    )


@pytest.fixture
def zipped(tiny_eurosat, tmp_path):
    """A folder with the archive and the split, nothing extracted."""
    root = tmp_path / 'zipped'
    root.mkdir()
    shutil.make_archive(
        str(root / 'EuroSAT'), 'zip', tiny_eurosat, base_dir='2750'
    )
    shutil.copy(tiny_eurosat / EuroSAT.SPLIT_FILE, root)
    return root


def test_reads_extracted_tree(tiny_eurosat):
    assert len(build(tiny_eurosat)) == 15
    assert len(build(tiny_eurosat, split='test')) == 9


def test_extracts_the_archive_once(zipped):
    dataset = build(zipped)
    assert len(dataset) == 15
    inode = os.stat(zipped / '2750').st_ino
    build(zipped, split='test')
    assert os.stat(zipped / '2750').st_ino == inode


def test_the_archive_as_it_is_published_now(tiny_eurosat, tmp_path):
    """EuroSAT_RGB.zip, its folder, and the folder alone: the same samples."""
    expected = build(tiny_eurosat).data_list.names()
    shutil.copytree(tiny_eurosat / '2750', tmp_path / 'new' / 'EuroSAT_RGB')
    root = tmp_path / 'root'
    root.mkdir()
    shutil.copy(tiny_eurosat / EuroSAT.SPLIT_FILE, root)
    shutil.make_archive(
        str(root / 'EuroSAT_RGB'),
        'zip',
        tmp_path / 'new',
        base_dir='EuroSAT_RGB',
    )
    dataset = build(root)
    assert dataset.data_list.names() == expected
    assert (root / '2750' / expected[0]).is_file()
    shutil.rmtree(root / '2750')
    shutil.copytree(tmp_path / 'new' / 'EuroSAT_RGB', root / 'EuroSAT_RGB')
    dataset = build(root)
    assert dataset.data_list.names() == expected
    path = dataset.get_data_info(0)['img_path']
    assert path == str(root / 'EuroSAT_RGB' / expected[0])
    assert not (root / '2750').exists()


def test_archive_and_split_elsewhere(zipped, tmp_path):
    os.chmod(zipped, 0o555)
    dataset = build(
        tmp_path / 'root',
        archive=str(zipped / 'EuroSAT.zip'),
        split_file=str(zipped / EuroSAT.SPLIT_FILE),
    )
    os.chmod(zipped, 0o755)
    info = dataset.get_data_info(0)
    assert info['img_path'] == str(
        tmp_path / 'root' / '2750' / info['sample_id']
    )
    assert os.listdir(zipped) and not (zipped / '2750').exists()


def test_processes_that_start_together(zipped):
    code = (
        'from mmlatte.datasets import EuroSAT;'
        f'print(len(EuroSAT({str(zipped)!r})))'
    )
    runs = [
        subprocess.Popen(
            [sys.executable, '-c', code], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for run in runs:
        assert run.communicate(timeout=120)[0].split()[-1] == '15'
        assert run.returncode == 0


def test_what_is_missing_is_named_in_one_error(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        build(tmp_path)
    message = str(caught.value)
    for part in (
        str(tmp_path / '2750'),
        str(tmp_path / 'EuroSAT.zip'),
        str(tmp_path / 'split_zhou_EuroSAT.json'),
        EuroSAT.URL,
        EuroSAT.SPLIT_URL,
        'download=True',
    ):
        assert part in message
    with pytest.raises(FileNotFoundError, match='archive='):
        build(tmp_path, archive=str(tmp_path / 'none.zip'))
    assert os.listdir(tmp_path) == []


def test_offline_download_names_both_files(tmp_path, monkeypatch):
    monkeypatch.setattr(EuroSAT, 'URL', UNREACHABLE)
    monkeypatch.setattr(EuroSAT, 'SPLIT_URL', UNREACHABLE + '.json')
    with pytest.raises(RuntimeError) as caught:
        build(tmp_path, download=True)
    message = str(caught.value)
    assert f"put it at '{tmp_path / 'EuroSAT.zip'}'" in message
    assert f"put it at '{tmp_path / EuroSAT.SPLIT_FILE}'" in message


def test_downloads_archive_and_split(zipped, tmp_path, monkeypatch):
    # urllib fetches file: URLs too.
    monkeypatch.setattr(EuroSAT, 'URL', (zipped / 'EuroSAT.zip').as_uri())
    monkeypatch.setattr(
        EuroSAT, 'SPLIT_URL', (zipped / EuroSAT.SPLIT_FILE).as_uri()
    )
    with pytest.raises(RuntimeError, match='MD5'):
        build(tmp_path / 'root', download=True)
    monkeypatch.setattr(EuroSAT, 'MD5', None)
    assert len(build(tmp_path / 'root', download=True)) == 15


def test_a_page_in_place_of_the_split_is_fetched_again(
    zipped, tmp_path, monkeypatch
):
    root, page = tmp_path / 'root', tmp_path / 'page.html'
    page.write_text('<!DOCTYPE html><title>Quota exceeded</title>')
    monkeypatch.setattr(EuroSAT, 'SPLIT_URL', page.as_uri())
    options = dict(archive=str(zipped / 'EuroSAT.zip'), download=True)
    with pytest.raises(
        RuntimeError, match=r'sent no JSON but .*Quota exceeded'
    ):
        build(root, **options)
    assert not (root / EuroSAT.SPLIT_FILE).exists()
    split = (zipped / EuroSAT.SPLIT_FILE).as_uri()
    monkeypatch.setattr(EuroSAT, 'SPLIT_URL', split)
    assert len(build(root, **options)) == 15


def test_real_eurosat(eurosat_root):
    train = build(eurosat_root, metainfo=dict(classes=list(NAMES)))
    test = build(eurosat_root, split='test')
    assert (len(train), len(test)) == (18900, 8100)
    assert test.metainfo['classes'] == NAMES
