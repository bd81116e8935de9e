"""Every data set, from archives in its real layout to loaded samples."""

import dataclasses
import functools
import hashlib
import http.server
import json
import shutil
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from mmlatte.datasets import prepare
from mmlatte.datasets.prepare import SOURCES, prepare_dataset
from mmlatte.registry import DATASETS

#: The table of the paper's specification, and CoOp's test parts.
PAPER = {
    'caltech101': (100, 5777, 2465),
    'dtd': (47, 3948, 1692),
    'eurosat': (10, 18900, 8100),
    'fgvc_aircraft': (100, 6667, 3333),
    'flowers102': (102, 5726, 2463),
    'food101': (101, 70700, 30300),
    'oxford_pets': (37, 3680, 3669),
    'stanford_cars': (196, 8144, 8041),
    'sun397': (397, 19850, 19850),
    'ucf101': (101, 9537, 3783),
}
#: Data set -> two real class names, and a real path for each in the archive.
COOP = {
    'caltech101': {
        'accordion': '101_ObjectCategories/accordion/image_000{}.jpg',
        'airplane': '101_ObjectCategories/airplanes/image_000{}.jpg',
    },
    'dtd': {
        'banded': 'dtd/images/banded/banded_000{}.jpg',
        'blotchy': 'dtd/images/blotchy/blotchy_000{}.jpg',
    },
    'eurosat': {
        'Forest': '2750/Forest/Forest_{}.jpg',
        'Highway or Road': '2750/Highway/Highway_{}.jpg',
    },
    'flowers102': {
        'pink primrose': 'jpg/image_0677{}.jpg',
        'moon orchid': 'jpg/image_0720{}.jpg',
    },
    'food101': {
        'apple_pie': 'food-101/images/apple_pie/10051{}.jpg',
        'baklava': 'food-101/images/baklava/10067{}.jpg',
    },
    'oxford_pets': {
        'abyssinian': 'images/Abyssinian_{}.jpg',
        'american_bulldog': 'images/american_bulldog_{}.jpg',
    },
    'stanford_cars': {
        '2012 Audi TTS Coupe': 'cars_train/0526{}.jpg',
        '2012 Acura TL Sedan': 'cars_test/0681{}.jpg',
    },
    'sun397': {
        'abbey': 'SUN397/a/abbey/sun_aaa{}.jpg',
        'indoor apse': 'SUN397/a/apse/indoor/sun_bbb{}.jpg',
    },
    'ucf101': {
        'Apply_Eye_Makeup': 'UCF-101-midframes/Apply_Eye_Makeup/v_g0{}.jpg',
        'Archery': 'UCF-101-midframes/Archery/v_g0{}.jpg',
    },
}


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', (20, 16), (len(path.name) * 5 % 255, 40, 90)).save(path)


def pack(tree: Path, target: Path) -> None:
    """Pack what is in a folder as its file name says."""
    if target.suffix == '.zip':
        shutil.make_archive(str(target.with_suffix('')), 'zip', tree)
        return
    with tarfile.open(target, 'w:gz') as archive:
        for item in sorted(tree.iterdir()):
            archive.add(item, item.name)


def coop_archives(name: str, root: Path, tree: Path) -> None:
    """Put the archives and the split of a data set into its folder."""
    source = SOURCES[name]
    split: dict = {'train': [], 'val': [], 'test': []}
    for label, (class_name, form) in enumerate(COOP[name].items()):
        for n, part in enumerate(('train', 'val', 'test', 'test')):
            path = form.format(n)
            picture(tree / path)
            kind = DATASETS.get(source.dataset['type'])
            folder = '2750' if name == 'eurosat' else kind.IMAGE_FOLDER
            inside = path.split(f'{folder}/', 1)[-1] if folder else path
            split[part].append([inside, label, class_name])
    if name == 'caltech101':
        inner = tree / 'caltech-101'
        inner.mkdir()
        pack_of(tree, '101_ObjectCategories', inner)
    for file in source.files:
        if file.member:
            pack(tree, root / file.file)
        else:
            (root / file.file).write_text(json.dumps(split))


def pack_of(tree: Path, folder: str, target: Path) -> None:
    with tarfile.open(target / f'{folder}.tar.gz', 'w:gz') as archive:
        archive.add(tree / folder, folder)
    shutil.rmtree(tree / folder)


def lists(root: Path, form: str, files: list[str]) -> None:
    for part, name in zip(
        ('train', 'val', 'test', 'test'), files, strict=True
    ):
        with open(root / form.format(part), 'a') as file:
            file.write(f'{name}\n')


def other_archives(name: str, root: Path, tree: Path) -> None:
    """The data sets without a CoOp split."""
    if name == 'fgvc_aircraft':
        data = tree / 'fgvc-aircraft-2013b' / 'data'
        for n in range(8):
            picture(data / 'images' / f'003486{n}.jpg')
        (data / 'variants.txt').write_text('707-320\nF-16A/B\n')
        for i, part in enumerate(('train', 'val', 'test', 'test')):
            with open(data / f'images_variant_{part}.txt', 'a') as file:
                file.write(f'003486{i} 707-320\n003486{i + 4} F-16A/B\n')
        pack(tree, root / 'fgvc-aircraft-2013b.tar.gz')
    elif name in ('resisc45', 'ucmerced'):
        top, form, suffix = {
            'resisc45': ('NWPU-RESISC45', 'resisc45-{}.txt', '_00{}.jpg'),
            'ucmerced': (
                'UCMerced_LandUse/Images',
                'uc_merced-{}.txt',
                '0{}.tif',
            ),
        }[name]
        for kind in ('forest', 'tenniscourt', 'mobilehomepark'):
            files = [f'{kind}{suffix.format(n)}' for n in range(4)]
            for file in files:
                picture(tree / top / kind / file)
            lists(root, form, files)
        pack(tree, root / SOURCES[name].files[0].file)
    elif name == 'cub':
        base = tree / 'CUB_200_2011'
        rows = [
            (f'{label + 1:03d}.{kind}/{kind}_{n}.jpg', label, int(n < 2))
            for label, kind in enumerate(('Laysan_Albatross', 'Groove_Ani'))
            for n in range(4)
        ]
        for path, _, _ in rows:
            picture(base / 'images' / path)
        for file, values in {
            'images.txt': [path for path, _, _ in rows],
            'image_class_labels.txt': [label + 1 for _, label, _ in rows],
            'train_test_split.txt': [train for _, _, train in rows],
            'classes.txt': ['001.Laysan_Albatross', '002.Groove_Ani'],
        }.items():
            lines = [f'{i + 1} {value}\n' for i, value in enumerate(values)]
            (base / file).write_text(''.join(lines))
        pack(tree, root / 'CUB_200_2011.tgz')
    elif name.startswith('cifar'):
        extra = name == 'cifar100'
        base = tree / SOURCES[name].files[0].member
        base.mkdir()
        names = base / (
            'fine_label_names.txt' if extra else 'batches.meta.txt'
        )
        first = 'apple\naquarium_fish' if extra else 'airplane\nautomobile'
        names.write_text(f'{first}\n\n')
        files = ['train', 'test'] if extra else None
        files = files or [
            *(f'data_batch_{n}' for n in range(1, 6)),
            'test_batch',
        ]
        for number, file in enumerate(files):
            records = [
                [*([9] if extra else []), label, *[number] * 3072]
                for label in (0, 1)
            ]
            np.array(records, np.uint8).tofile(base / f'{file}.bin')
        pack(tree, root / SOURCES[name].files[0].file)
    elif name == 'imagenet':
        for part, wnid in (
            (part, wnid)
            for part in ('train', 'val')
            for wnid in ('n01440764', 'n01443537')
        ):
            for n in range(2):
                picture(root / part / wnid / f'{n}.JPEG')


#: Images per part that the stand-ins above have.
COUNTS = {
    'resisc45': (3, 6, 6),
    'ucmerced': (3, 6, 6),
    'cifar10': (2, 10, 2),
    'cifar100': (2, 2, 2),
}


@pytest.mark.parametrize('name', SOURCES)
def test_from_archives_to_samples(name, tmp_path, monkeypatch):
    root, tree = tmp_path / name, tmp_path / 'tree'
    root.mkdir()
    tree.mkdir()
    make = coop_archives if name in COOP else other_archives
    make(name, root, tree)
    classes, train, test = COUNTS.get(name, (2, 4, 4))
    monkeypatch.setitem(
        SOURCES,
        name,
        dataclasses.replace(
            SOURCES[name], classes=classes, train=train, test=test
        ),
    )
    verdict = prepare_dataset(name, root, fetch=False)
    assert verdict.problems == []
    assert sum(verdict.counts['train'].values()) == train
    assert len(set(verdict.counts['test'].values())) == 1

    # The config of the data set reads what was prepared.
    config = Config.fromfile(f'configs/data/{name}.py')
    known = config.class_names
    dataset = config.data.train_dataloader.dataset
    dataset.update(data_root=str(root), pipeline=[], download=False)
    if name != 'eurosat':
        dataset.pop('download')
    if dataset.type == 'mmlatte.ClassFolder':
        dataset.metainfo.classes = known[:2]
    else:
        dataset.pop('metainfo')
    built = DATASETS.build(dataset)
    assert len(built) == train
    if name in ('resisc45', 'ucmerced'):  # stand-ins of folder names
        expected = {'forest'}
    elif name == 'cub':
        expected = {'laysan albatross'}
    else:
        expected = set(built.metainfo['classes'])
    assert expected <= set(built.metainfo['classes']) & set(known)
    sample = built.get_data_info(0)
    assert Path(sample['img_path']).is_file()
    # Nothing is done twice.
    before = {path: path.stat().st_mtime_ns for path in root.rglob('*')}
    assert prepare_dataset(name, root, fetch=False).problems == []
    after = {path: path.stat().st_mtime_ns for path in root.rglob('*')}
    assert before == after


@pytest.mark.parametrize('name', PAPER)
def test_counts_are_the_papers(name):
    source = SOURCES[name]
    assert (source.classes, source.train, source.test) == PAPER[name]
    config = Config.fromfile(f'configs/data/{name}.py')
    assert len(config.class_names) == source.classes
    assert all(n == n.lower() and '_' not in n for n in config.class_names)


def test_what_is_missing_is_said(tmp_path):
    verdict = prepare_dataset('stanford_cars', tmp_path, fetch=False)
    text = '\n'.join(verdict.problems)
    assert "'cars_train.tgz' by hand" in text and 'cars_test.tgz' in text
    assert 'split_zhou_StanfordCars.json' in text
    assert 'drive.google.com' in text


def test_images_that_the_split_lists_are_counted(tmp_path):
    tree = tmp_path / 'tree'
    tree.mkdir()
    root = tmp_path / 'dtd'
    root.mkdir()
    coop_archives('dtd', root, tree)
    prepare_dataset('dtd', root, fetch=False)
    (root / 'images/banded/banded_0000.jpg').unlink()
    problems = '\n'.join(prepare_dataset('dtd', root, fetch=False).problems)
    assert '1 of the 4 images' in problems
    assert 'banded/banded_0000.jpg' in problems
    # The stand-in is not the whole data set, and that is said, too.
    assert 'expected 1692 of 47' in problems


@pytest.fixture
def server(tmp_path):
    """A file server on this machine; yields its folder and address."""
    folder = tmp_path / 'served'
    folder.mkdir()
    handler = functools.partial(
        http.server.SimpleHTTPRequestHandler, directory=str(folder)
    )
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield folder, f'http://127.0.0.1:{httpd.server_port}'
        httpd.shutdown()


@pytest.mark.parametrize('honest', [True, False])
def test_downloads_are_checked(server, honest, tmp_path, monkeypatch):
    folder, address = server
    tree = tmp_path / 'tree'
    tree.mkdir()
    coop_archives('dtd', folder, tree)
    files = []
    for file in SOURCES['dtd'].files:
        digest = hashlib.sha256((folder / file.file).read_bytes()).hexdigest()
        files.append(
            dataclasses.replace(
                file,
                url=f'{address}/{file.file}',
                checksum=f'sha256:{digest if honest else "0" * 64}',
            )
        )
    monkeypatch.setitem(
        SOURCES,
        'dtd',
        dataclasses.replace(
            SOURCES['dtd'], files=tuple(files), classes=2, train=4, test=4
        ),
    )
    root = tmp_path / 'root'
    problems = prepare_dataset('dtd', root).problems
    assert bool(problems) is not honest
    if not honest:
        assert 'is not the expected file' in problems[0]
        assert not (root / 'dtd-r1.0.1.tar.gz').exists()


def test_hostile_tar_leaves_nothing(tmp_path):
    (tmp_path / 'x').write_text('x')
    for name in ('images/../../evil.jpg', '/images/evil.jpg'):
        with tarfile.open(tmp_path / 'a.tar', 'w') as archive:
            archive.add(tmp_path / 'x', 'images/fine.jpg')
            archive.add(tmp_path / 'x', name)
            member = archive.getmembers()[-1]
            member.name = name
        target = tmp_path / 'out' / 'images'
        try:
            prepare.extract_tar(tmp_path / 'a.tar', target, 'images')
        except RuntimeError:
            assert not target.exists()
        outside = set(tmp_path.rglob('evil.jpg')) - {target / 'evil.jpg'}
        assert not outside
        shutil.rmtree(target, ignore_errors=True)
    with pytest.raises(RuntimeError, match="no folder 'photos/'"):
        prepare.extract_tar(tmp_path / 'a.tar', target, 'photos')
    (tmp_path / 'b.tar').write_bytes(b'no archive')
    with pytest.raises(RuntimeError, match='cannot be extracted'):
        prepare.extract_tar(tmp_path / 'b.tar', target, 'images')


def test_tool_says_what_to_do(run_script, tmp_path):
    done = run_script(
        'tools/prepare_dataset.py',
        'ucf101',
        *('--root', tmp_path, '--no-download'),
    )
    assert done.returncode == 1, done.stderr
    assert 'UCF-101-midframes.zip' in done.stdout + done.stderr
    assert 'ucf101 is incomplete' in done.stdout + done.stderr
