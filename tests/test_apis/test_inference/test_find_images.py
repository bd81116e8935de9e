import os

import pytest

from mmlatte.apis import find_images


def test_files_folders_and_globs_once_each_in_order(tmp_path):
    for name in ('b.jpg', 'a.png', 'sub/c.jpg', '.hidden', '.git/d.jpg'):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    root = str(tmp_path)
    everything = [f'{root}/{n}' for n in ('a.png', 'b.jpg', 'sub/c.jpg')]
    assert find_images(tmp_path) == everything
    assert find_images([f'{root}/b.jpg', root]) == [
        everything[1],
        everything[0],
        everything[2],
    ]
    assert find_images(f'{root}/**/*.jpg') == everything[1:]


def test_linked_folders_are_searched_once(tmp_path):
    folder, other = tmp_path / 'images', tmp_path / 'other'
    for path in (folder / 'b.jpg', other / 'a.jpg'):
        path.parent.mkdir()
        path.touch()
    (folder / 'linked').symlink_to(other)
    (other / 'loop').symlink_to(folder)
    assert find_images(folder) == [
        str(folder / name) for name in ('b.jpg', 'linked/a.jpg')
    ]


def test_what_cannot_be_read_is_left_out(tmp_path, monkeypatch):
    for name in ('a', 'closed', 'z'):
        (tmp_path / name).mkdir()
        (tmp_path / name / '1.jpg').touch()
    (tmp_path / 'itself').symlink_to(tmp_path / 'itself')
    (tmp_path / '0').symlink_to(tmp_path / 'z')  # its own name counts
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith('closed'):
            raise PermissionError(13, 'Permission denied', str(path))
        return scandir(path)

    monkeypatch.setattr(os, 'scandir', refuse)
    assert find_images(tmp_path) == [
        str(tmp_path / name) for name in ('a/1.jpg', 'z/1.jpg')
    ]


def test_names_what_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match='does not exist'):
        find_images(tmp_path / '*.jpg')
    with pytest.raises(FileNotFoundError, match='holds no image'):
        find_images(tmp_path)
