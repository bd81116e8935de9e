"""Old results never pass for new: folders, files and stores are exchanged,
changed in place, copied and moved under a finished run.
"""

import csv
import hashlib
import importlib
import os
import shutil
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from mmlatte import image_table
from mmlatte.apis import Inferencer, adapt
from mmlatte.apis.adapt.answering import answers_record
from mmlatte.datasets import UnlabeledFolder
from mmlatte.engine.frozen import ZeroShotLabels
from mmlatte.engine.frozen import frozen_pass as frozen_module
from mmlatte.engine.frozen.image_keys import image_keys
from mmlatte.engine.hooks import LMMTextSynthHook
from mmlatte.lmm import Answer, BaseLMM

CLASSES = ['forest', 'road', 'sea']
COUNT = 18
RUN = importlib.import_module('mmlatte.apis.adapt.adaptation')
FINISH = importlib.import_module('mmlatte.apis.adapt.finishing.finish')


class Checksums(BaseLMM):
    """Writes what tells which pixels it was shown."""

    name, params = 'checksums', {}

    def check(self):
        pass

    def generate(self, requests, seed=None):
        for request in requests:
            yield [Answer(request, text_of(request.load()))]


def text_of(image):
    pixels = image.convert('RGB').tobytes()
    return f'an image with the checksum {zlib.crc32(pixels)}'


@pytest.fixture(scope='module', autouse=True)
def quick():
    """No plan and report, no wait for settled files, one thread."""
    torch.set_num_threads(1)
    plan = SimpleNamespace(check=lambda: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RUN, 'make_plan', lambda *_: plan)
        patch.setattr(image_table, 'SETTLED_NS', 0)
        patch.setattr(
            FINISH, 'make_run_report', lambda _, out, **__: out.touch()
        )
        yield


def bitmaps(folder, seed, names):
    """Images of one size in bytes and one time, as an archive's may be."""
    draw = np.random.default_rng(seed)
    for number, name in enumerate(names):
        pixels = draw.integers(0, 60, (32, 32, 3))
        pixels[..., number % 3] += 150
        write(folder / name, Image.fromarray(pixels.astype(np.uint8)))


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    os.utime(path, (10**9, 10**9))


NAMES = [f'{"abc"[i % 3]}/{i:02d}.bmp' for i in range(COUNT)]
ANSWERED = NAMES[:6]


@dataclass
class Place:
    """Where the user's things are, and what the next call must do.

    Args:
        images (Path): Folder of the images.
        out (Path): Folder of the results.
        made (int): Images whose features and texts are made again.
        again (bool): Whether the fit is made anew.
        unused (Sequence[str]): Answered images whose answers no longer hold.
    """

    images: Path
    out: Path
    made: int = 0
    again: bool = True
    unused: list[str] = field(default_factory=list)


@pytest.fixture(scope='module')
def choices(tiny_clip_dir, tmp_path_factory):
    file = tmp_path_factory.mktemp('given') / 'answers.csv'
    rows = [f'{name},{CLASSES["abc".index(name[0])]}' for name in ANSWERED]
    file.write_text('\n'.join(['image,class', *rows]))
    return dict(
        classes=CLASSES,
        clip=f'local-dir:{tiny_clip_dir}',
        answers=[str(file)],
        workers=0,
        device='cpu',
        export=(),
    )


@pytest.fixture(scope='module')
def finished(choices, tmp_path_factory):
    """Two finished runs on folders of one name, to be copied by each test."""
    base = tmp_path_factory.mktemp('finished')
    for seed, user in enumerate(('one', 'two')):
        place = Place(base / user / 'images', base / user / 'out')
        bitmaps(place.images, seed, NAMES)
        call(place, choices)
        make_texts(place)
    return base


@pytest.fixture
def home(finished, tmp_path):
    """The two users' folders, at the paths that the runs know."""
    shutil.copytree(finished, tmp_path / 'kept')
    yield finished
    shutil.rmtree(finished)
    (tmp_path / 'kept').rename(finished)


def make_texts(place):
    """Make the texts of a folder as the hook does."""
    dataset = UnlabeledFolder(str(place.images), CLASSES, pipeline=[])
    hook = LMMTextSynthHook(
        Checksums(), str(place.out / 'cache'), 'Describe.', 'Describe all.'
    )
    total = len(dataset)
    labels = ZeroShotLabels(
        features=np.zeros((total, 2), np.float32),
        labels=np.zeros(total, np.int32),
        scores=np.zeros(total, np.float32),
        class_features=np.zeros((3, 2), np.float32),
        images=image_keys(place.out / 'cache', dataset),
        scale=1.0,
        clip='',
        labels_from='',
    )
    clip = SimpleNamespace(tokenizer=None, context_length=77)
    job = hook.text_job(dataset, CLASSES, clip, labels)
    counts = job.make_together()
    return dataset, counts, job.training_texts(CLASSES, counts)


def folder_exchanged(home):
    """Another folder with the same names, sizes and times."""
    shutil.rmtree(home / 'one' / 'images')
    shutil.copytree(home / 'two' / 'images', home / 'one' / 'images')
    one = home / 'one'
    return Place(one / 'images', one / 'out', COUNT, unused=ANSWERED)


def folder_copied(home):
    shutil.copytree(
        home / 'one' / 'images', home / 'copy', copy_function=shutil.copyfile
    )
    return Place(home / 'copy', home / 'one' / 'out', again=False)


def folder_moved(home):
    (home / 'one' / 'images').rename(home / 'elsewhere')
    return Place(home / 'elsewhere', home / 'one' / 'out', again=False)


def files_exchanged(home):
    """Each gets the name of the next: the same images, other names."""
    images = home / 'one' / 'images'
    for name in NAMES:
        (images / name).rename(images / f'{name}.old')
    for name, other in zip(NAMES, [*NAMES[1:], NAMES[0]], strict=True):
        (images / f'{name}.old').rename(images / other)
    return Place(images, home / 'one' / 'out')


def files_changed_in_place(home):
    images = home / 'one' / 'images'
    for name in (NAMES[1], NAMES[9], NAMES[17]):
        with Image.open(images / name) as image:
            image.load()
        turned = image.transpose(Image.Transpose.ROTATE_90)
        write(images / name, turned)
    return Place(images, home / 'one' / 'out', 3, unused=[NAMES[1]])


def files_copied(home):
    images = home / 'one' / 'images'
    for name in NAMES[:2]:
        shutil.copy(images / name, images / f'copy_{name[2:]}')
    return Place(images, home / 'one' / 'out')


def files_moved(home):
    images = home / 'one' / 'images'
    (images / 'sub').mkdir()
    for name in NAMES[:3]:
        (images / name).rename(images / 'sub' / name[2:])
    return Place(images, home / 'one' / 'out')


def stores_exchanged(home):
    """The results of one folder are taken for those of the other."""
    (home / 'one' / 'out').rename(home / 'old')
    (home / 'two' / 'out').rename(home / 'one' / 'out')
    one = home / 'one'
    return Place(one / 'images', one / 'out', COUNT, unused=ANSWERED)


def stores_copied(home):
    shutil.copytree(
        home / 'one' / 'out', home / 'copy', copy_function=shutil.copyfile
    )
    return Place(home / 'one' / 'images', home / 'copy', again=False)


def stores_moved(home):
    (home / 'one' / 'out').rename(home / 'elsewhere')
    return Place(home / 'one' / 'images', home / 'elsewhere', again=False)


CHANGES = [
    folder_exchanged,
    folder_copied,
    folder_moved,
    files_exchanged,
    files_changed_in_place,
    files_copied,
    files_moved,
    stores_exchanged,
    stores_copied,
    stores_moved,
]


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob('*.bmp')
    }


@pytest.mark.parametrize('change', CHANGES, ids=lambda f: f.__name__)
def test_what_changed_is_made_again_and_only_that(
    change, home, choices, truth, monkeypatch
):
    before = contents(home / 'one' / 'images')
    place = change(home)
    said: list[str] = []
    monkeypatch.setattr(
        answers_record, 'print_log', lambda text, *_, **__: said.append(text)
    )
    encoded, trained = count_encoded(monkeypatch), count_trained(monkeypatch)
    if len(place.unused) == len(ANSWERED):
        # Nothing is left to fit.
        with pytest.raises(ValueError, match='there are no answers yet'):
            call(place, choices)
        notes = place.out / 'all_answers_images.csv'
        assert len(read(place.out / 'all_answers.csv')) == len(ANSWERED)
        # Looked at, they hold for the new images as well.
        notes.unlink()
        place.unused = []
        before = contents(place.images)
    result = call(place, choices)
    now = contents(place.images)

    # features
    assert sum(encoded) == place.made
    keys, features = features_of(place)
    assert len(features) == len(now)
    for key, feature in zip(keys, features, strict=True):
        assert np.allclose(feature, truth[key], atol=1e-5)

    # texts
    dataset, counts, texts = make_texts(place)
    assert (counts.made, counts.failed) == (2 * place.made, 0)
    # Equal images share their texts.
    assert counts.reused == 2 * (len(set(now.values())) - place.made)
    for i in range(len(dataset)):
        with Image.open(dataset.get_data_info(i)['img_path']) as image:
            assert texts.image_text(i) == text_of(image)

    # answers: they follow what the images held
    assert len(trained) == place.again
    about = {
        before[name]: CLASSES['abc'.index(name[0])]
        for name in ANSWERED
        if name not in place.unused
    }
    if change is files_copied:  # the copies are not answered about
        now = {k: v for k, v in now.items() if not k.startswith('copy')}
    expected = {
        n: about[pixels] for n, pixels in now.items() if pixels in about
    }
    rows = read(result.predictions)
    answered = {
        str(Path(row['image']).relative_to(place.images)): row['class']
        for row in rows
        if row['answered_by']
    }
    assert answered == expected and len(expected) == 6 - len(place.unused)
    for name in place.unused:
        assert any(name in text and 'not used' in text for text in said)

    # predictions: of the files that are there, as they are
    paths = sorted(str(path) for path in place.images.rglob('*.bmp'))
    assert [row['image'] for row in rows] == paths
    classify = Inferencer(str(result.run), device='cpu')
    for row, found in zip(rows, classify(paths), strict=True):
        if not row['answered_by']:
            assert row['class'] == found['pred_class']
    assert place.again == any(place.out.glob('earlier_images*')) or any(
        place.out.glob('with_*_answers*')
    )


def call(place, choices):
    """The same command as ever."""
    return adapt(images=str(place.images), out=str(place.out), **choices)


def count_encoded(monkeypatch):
    encode, seen = frozen_module.encode_frozen, []

    def count(model, inputs):
        seen.append(len(inputs))
        return encode(model, inputs)

    monkeypatch.setattr(frozen_module, 'encode_frozen', count)
    return seen


def count_trained(monkeypatch):
    train, seen = RUN.train_together, []

    def count(ranks, cfg, folder):
        seen.append(cfg)
        train(ranks, cfg, folder)

    monkeypatch.setattr(RUN, 'train_together', count)
    return seen


def read(path):
    with path.open(newline='') as file:
        return list(csv.DictReader(file))


def key_of(pixels):
    digest = hashlib.blake2b(pixels, digest_size=8).digest()
    return int.from_bytes(digest, 'big')


def features_of(place):
    """Keys and features of the images of a folder, in its order."""
    dataset = UnlabeledFolder(str(place.images), CLASSES, pipeline=[])
    keys = [
        key_of(Path(dataset.get_data_info(i)['img_path']).read_bytes())
        for i in range(len(dataset))
    ]
    (features,) = [
        np.load(file.with_name('features.npy'))
        for file in place.out.glob('cache/features-*/*/images.npy')
        if np.load(file).tolist() == keys
    ]
    return keys, features


@pytest.fixture(scope='module')
def truth(choices, tmp_path_factory):
    """Features of all images that occur, made in an empty folder."""
    root = tmp_path_factory.mktemp('truth')
    place = Place(root / 'images', root / 'out')
    for seed in (0, 1):
        bitmaps(place.images / str(seed), seed, NAMES)
    for path in sorted((place.images / '0').rglob('*.bmp')):
        with Image.open(path) as image:
            image.load()
        turned = image.transpose(Image.Transpose.ROTATE_90)
        write(place.images / 'turned' / path.name, turned)
    fit = {k: v for k, v in choices.items() if k != 'answers'}
    call(place, {**fit, 'method': 'latteplus'})
    return dict(zip(*features_of(place), strict=True))
