"""From a folder and class names to report, predictions and export."""

import csv
import dataclasses
import importlib
import json
import re
import shutil
from functools import partial
from pathlib import Path

import open_clip
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from PIL import Image

from mmlatte.apis import PreflightError, adapt
from mmlatte.apis.adapt.config import adapt_config
from mmlatte.apis.adapt.options import AdaptOptions
from mmlatte.apis.adapt.settings import clip_settings, lmm_settings
from mmlatte.apis.inference import predict_images
from mmlatte.engine.schedulers import WarmupCosineLR
from mmlatte.fits import LattePlusFit, LattePlusOptions, LinearClassifier
from mmlatte.lmm import TextFile
from mmlatte.lmm.asking.prompts import prompts_for
from mmlatte.models import LattePlusClassifier
from mmlatte.registry import MODELS

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def images(tiny_eurosat, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('own') / 'images'
    folder.mkdir()
    for path in sorted((tiny_eurosat / '2750').rglob('*.jpg')):
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / 'notes.txt').write_text('no image')
    return folder


@pytest.fixture(scope='module')
def choices(images, tiny_clip_dir, tmp_path_factory) -> dict:
    texts = tmp_path_factory.mktemp('texts') / 'texts.jsonl'
    texts.write_text(
        '\n'.join(
            json.dumps(
                dict(
                    sample_id=path.name, kind=kind, text=f'{kind} {path.stem}'
                )
            )
            for path in images.glob('*.jpg')
            for kind in ('image', 'group')
        )
    )
    return dict(
        images=str(images),
        classes=['forest', 'road', 'sea'],
        describe='aerial image',
        clip=f'local-dir:{tiny_clip_dir}',
        lmm=str(texts),
        epochs=2,
        batch_size=8,
        device='cpu',
        workers=0,
    )


@pytest.fixture(scope='module')
def adapted(choices, tmp_path_factory):
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp('adapted') / 'out'
    return adapt(out=str(out), **choices)


def test_everything_is_there(adapted, images):
    assert adapted.plan.images == 24 and adapted.plan.texts == 48
    summary = json.loads((adapted.run / 'summary.json').read_text())
    assert summary['texts']['made'] == 48
    assert summary['top1'] is None  # there are no labels
    (log,) = adapted.run.glob('*/*.log')
    (done,) = re.findall('Done: (.*)', log.read_text())
    assert re.fullmatch(r'[\d.]+ images/s, \d+ s in all', done)
    report = adapted.report.read_text()
    assert 'Flips' in report and 'peak memory' in report
    rows = list(csv.DictReader(adapted.predictions.open()))
    assert [Path(row['image']).name for row in rows] == sorted(
        path.name for path in images.glob('*.jpg')
    )
    assert {row['class'] for row in rows} <= {'forest', 'road', 'sea'}


def test_the_export_is_a_plain_open_clip(adapted, images):
    folder = adapted.exports['open_clip']
    model, _, transform = open_clip.create_model_and_transforms(
        f'local-dir:{folder}'
    )
    image = Image.open(images / 'Forest_1.jpg').convert('RGB')
    assert model.encode_image(transform(image)[None]).shape == (1, 16)


def test_the_learning_rate_was_found(adapted):
    path = adapted.run / 'label_free_schedule.json'
    found = json.loads(path.read_text())
    assert found['lr'] > 0 and len(found['paths']) > 1
    shown = f'lr {found["lr"]:.2g}, found without labels'
    assert shown in adapted.report.read_text()


def test_again_nothing_is_repeated(adapted, choices, monkeypatch):
    module = importlib.import_module('mmlatte.apis.adapt.adaptation')
    monkeypatch.setattr(
        module, 'train_together', lambda *_: pytest.fail('trains again')
    )
    out = adapted.run.parent
    before = (adapted.run / 'summary.json').stat().st_mtime_ns
    again = adapt(out=str(out), **choices)
    assert (again.run / 'summary.json').stat().st_mtime_ns == before


def test_other_choices_need_another_folder(adapted, choices):
    with pytest.raises(FileExistsError, match='max_epochs: 2 there, 3 now'):
        adapt(out=str(adapted.run.parent), **{**choices, 'epochs': 3})


def test_another_machine_may_go_on(adapted, choices):
    again = adapt(out=str(adapted.run.parent), **{**choices, 'workers': 1})
    assert again.plan is None and again.predictions.exists()


def test_other_images_need_another_folder(adapted, choices, images):
    out = str(adapted.run.parent)
    old, new = images / 'Forest_1.jpg', images / 'New.jpg'
    shutil.copy(old, new)
    try:
        with pytest.raises(
            FileExistsError, match=r'images: 1 new \(New.jpg\)\. Name'
        ):
            adapt(out=out, **choices)
        old.unlink()
        renamed = r'1 new \(New.jpg\), 1 gone\. Name'
        with pytest.raises(FileExistsError, match=renamed):
            adapt(out=out, **choices)
    finally:
        new.rename(old)


def test_images_changed_in_place_need_another_folder(adapted, choices, images):
    image = images / 'Forest_1.jpg'
    before = image.read_bytes()
    image.write_bytes(before + b'\0')
    changed = (
        r'images: 1 changed on disk \(Forest_1\.jpg\)\. Name .*predictions'
    )
    try:
        with pytest.raises(FileExistsError, match=changed):
            adapt(out=str(adapted.run.parent), **choices)
    finally:
        image.write_bytes(before)
    # Written anew, and the same as ever.
    again = adapt(out=str(adapted.run.parent), **choices)
    assert again.plan is None and again.predictions.exists()


def test_results_without_their_run_are_set_aside(fit, tmp_path):
    out = tmp_path / 'out'
    adapt(out=str(out), **{**fit, 'export': ()})
    shutil.rmtree(out / 'run')
    before = (out / 'predictions.csv').stat().st_ino
    adapt(out=str(out), **{**fit, 'export': ()})
    kept = out / 'earlier_results' / 'predictions.csv'
    assert kept.stat().st_ino == before
    assert (out / 'predictions.csv').exists()


def test_an_interrupted_run_needs_less(adapted, choices, monkeypatch):
    for name in ('check', 'generate'):
        monkeypatch.setattr(
            TextFile, name, lambda *_: pytest.fail('asks for texts')
        )
    summary = adapted.run / 'summary.json'
    kept = summary.rename(summary.with_suffix('.kept'))
    shown = []
    try:
        adapt(
            out=str(adapted.run.parent),
            dry_run=True,
            show=shown.append,
            **choices,
        )
    finally:
        kept.rename(summary)
    (plan,) = shown
    assert plan.texts == 48 and plan.texts_left == 0
    assert 'its texts are there' in str(plan)
    assert 'texts' not in plan.seconds
    before = adapted.plan.bytes
    assert before.keys() >= {'features', 'texts', 'checkpoints', 'export'}
    assert not plan.bytes.keys() & {'features', 'texts', 'export'}
    left = plan.bytes.get('checkpoints', 0)
    assert left < before['checkpoints']


def test_an_empty_report_is_made_again(adapted, choices):
    adapted.report.write_text('')
    again = adapt(out=str(adapted.run.parent), **choices)
    assert 'Flips' in again.report.read_text()


def test_exports_are_checked_before_the_work(choices, tmp_path, monkeypatch):
    module = importlib.import_module('mmlatte.apis.adapt.finishing.finish')
    checked = []

    def check(formats, clip):
        checked.append(clip is not None)
        if clip is not None:
            raise RuntimeError(f'{formats[0]} needs a package')

    monkeypatch.setattr(module, 'check_export_formats', check)
    with pytest.raises(PreflightError, match='export: hf needs a package'):
        adapt(out=str(tmp_path / 'out'), **{**choices, 'export': ('hf',)})
    assert checked == [False, True]
    assert not (tmp_path / 'out').exists()


def test_a_dry_run_writes_nothing(choices, tmp_path):
    shown = []
    adapt(
        out=str(tmp_path / 'out'), dry_run=True, show=shown.append, **choices
    )
    assert not (tmp_path / 'out').exists()
    plan = str(shown[0])
    assert 'images      24' in plan and 'found without labels' in plan
    assert '2 epochs of 8 images a step, 6 steps' in plan


def test_the_plan_counts_what_an_lmm_reads(choices, assets, tmp_path):
    shown = []
    lmm = str(assets / 'models' / 'tiny-llava-rsicd')
    adapt(
        out=str(tmp_path / 'out'),
        dry_run=True,
        show=shown.append,
        **{**choices, 'lmm': lmm},
    )
    (plan,) = shown
    for kind in ('an image', 'a collage'):
        # Its vision tower has 4 x 4 patches.
        assert plan.tokens[kind].visual == 16 < plan.tokens[kind].total
        assert f'reads       16 visual tokens for {kind}, ' in str(plan)


def test_a_full_disk_is_seen_before(choices, tmp_path):
    def show(plan):
        plan.free = 1000

    with pytest.raises(OSError, match='are needed and 1 kB are free'):
        adapt(out=str(tmp_path / 'out'), show=show, **choices)
    assert not (tmp_path / 'out').exists()


def test_without_an_lmm(choices, tmp_path):
    result = adapt(
        out=str(tmp_path / 'out'),
        export=(),
        **{**choices, 'lmm': 'none', 'lr': 1e-4},
    )
    assert result.plan.texts == 0
    assert not (result.run / 'label_free_schedule.json').exists()


@pytest.fixture(scope='module')
def fit(choices) -> dict:
    """The choices of a method that takes no steps."""
    left = {
        name: value
        for name, value in choices.items()
        if name not in ('lmm', 'epochs', 'batch_size')
    }
    return {**left, 'method': 'latteplus'}


def test_latteplus_needs_no_lmm_and_no_training(
    fit, tiny_eurosat, tmp_path, monkeypatch
):
    # 24 images of random weights are few, and hardly agree with their names.
    lenient = partial(LattePlusOptions, min_images=1, min_agreement=1e-3)
    monkeypatch.setattr(
        LattePlusClassifier, 'options_type', staticmethod(lenient)
    )
    # Report, calibration and predictions read the features of the run.
    monkeypatch.setattr('mmlatte.apis.inference.predict_images._encode', None)
    shutil.copytree(tiny_eurosat / '2750', tmp_path / 'test')
    classes = [folder.name for folder in (tmp_path / 'test').iterdir()]
    result = adapt(
        out=str(tmp_path / 'out'),
        **{**fit, 'classes': classes, 'test': str(tmp_path / 'test')},
    )
    assert 'none: a fit to the features' in str(result.plan)
    assert [*result.plan.seconds] == [
        'frozen features',
        'fit',
        'report and export',
    ]
    summary = json.loads((result.run / 'summary.json').read_text())
    assert summary['top1'] is not None
    report = result.report.read_text()
    assert 'fitted to frozen features at once' in report
    assert 'prototypes moved' not in report
    card = (result.exports['open_clip'] / 'README.md').read_text()
    assert 'LattePlusClassifier' in card and 'fitted to frozen' in card
    with result.predictions.open() as file:
        assert len(list(csv.DictReader(file))) == 24


def test_tuned_latteplus_trains_from_the_clusters(fit, tmp_path, monkeypatch):
    monkeypatch.setattr(
        'mmlatte.models.classifiers.latteplus_tuned.agreed_latteplus',
        lambda frozen, options: LattePlusFit(
            LinearClassifier.zero_shot(frozen),
            torch.arange(len(frozen)) % 3,
            unused=torch.arange(frozen.classes) >= 3,
            train_further=True,
        ),
    )
    result = adapt(
        out=str(tmp_path / 'out'),
        **{**fit, 'method': 'latteplus_tuned', 'epochs': 2, 'batch_size': 8},
    )
    # 2 epochs of 3 steps: the highest rate, where the path would want more.
    assert '6 steps, learning rate 0.001' in str(result.plan)
    assert 'texts' not in result.plan.seconds
    cfg = Config.fromfile(result.run.parent / 'config.py')
    assert cfg.model.clip.tuning.type == 'mmlatte.NormTuning'
    (views,) = [
        step
        for step in cfg.train_dataloader.dataset.pipeline
        if step.type == 'mmpretrain.MultiView'
    ]
    # The weak view is what frozen CLIP looks at.
    assert views.transforms[0] == cfg.test_pipeline[1:-1]
    size = views.transforms[0][-1].crop_size
    assert tuple(views.transforms[1][0].scale) == tuple(size)
    assert 'batch 8 per rank' in result.report.read_text()
    card = (result.exports['open_clip'] / 'README.md').read_text()
    assert 'LattePlusTunedClassifier' in card


def test_tuned_latteplus_trains_nothing_where_it_would_not_gain(
    fit, tmp_path, monkeypatch
):
    looked = []

    def found(frozen, options):
        rows = frozen.rows()
        prototypes = F.normalize(rows[:3] - rows.mean(dim=0), dim=1)
        looked.append((rows @ prototypes.T).argmax(dim=1).tolist())
        return LattePlusFit(
            LinearClassifier(30 * prototypes, torch.zeros(3)),
            torch.arange(len(frozen)) % 3,
            unused=torch.zeros(3, dtype=torch.bool),
        )

    monkeypatch.setattr(
        'mmlatte.models.classifiers.latteplus_tuned.agreed_latteplus', found
    )
    result = adapt(
        out=str(tmp_path / 'out'), **{**fit, 'method': 'latteplus_tuned'}
    )
    summary = json.loads((result.run / 'summary.json').read_text())
    assert summary['is_fitted'] and not summary['kept_zero_shot']
    assert summary['train_seconds'] == 0
    report = result.report.read_text()
    assert 'fitted to frozen features at once' in report
    card = (result.exports['open_clip'] / 'README.md').read_text()
    assert 'fitted to frozen features at once' in card
    with result.predictions.open() as file:
        rows = list(csv.DictReader(file))
    classes = [fit['classes'].index(row['class']) for row in rows]
    (expected,) = looked
    assert len(set(expected)) > 1 and sorted(classes) == sorted(expected)


def test_tuned_latteplus_without_clusters_stays_zero_shot(fit, tmp_path):
    """24 images are fewer than ten for each of three names."""
    result = adapt(
        out=str(tmp_path / 'out'), **{**fit, 'method': 'latteplus_tuned'}
    )
    summary = json.loads((result.run / 'summary.json').read_text())
    assert summary['kept_zero_shot']
    assert 'still zero-shot CLIP' in result.report.read_text()
    with result.predictions.open() as file:
        assert len(list(csv.DictReader(file))) == 24
    assert result.exports['open_clip'].is_dir()


@pytest.mark.parametrize('count, steps', [(100, 126), (100_000, 782)])
def test_tuned_latteplus_goes_as_far_in_any_number_of_steps(fit, count, steps):
    options = AdaptOptions(**{**fit, 'method': 'latteplus_tuned'})
    clip = MODELS.build(clip_settings(options.clip))
    cfg = adapt_config(options, clip, count)
    assert cfg.param_scheduler.end == cfg.train_cfg.max_epochs
    per_epoch = -(-count // cfg.train_dataloader.batch_size)
    assert cfg.train_cfg.max_epochs * per_epoch == steps
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], cfg.optim_wrapper.optimizer.lr)
    settings = dict(cfg.param_scheduler)
    del settings['type'], settings['convert_to_iter_based']
    schedule = WarmupCosineLR.build_iter_from_epoch(
        optimizer, epoch_length=per_epoch, **settings
    )
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        schedule.step()
    assert sum(rates) == pytest.approx(0.045)
    assert rates[0] == pytest.approx(2 * 0.045 / (steps + 1))
    given = dataclasses.replace(options, lr=2e-5)
    cfg = adapt_config(given, clip, count)
    assert cfg.param_scheduler.max_path is None
    assert cfg.optim_wrapper.optimizer.lr == 2e-5


def test_latteplus_says_what_it_does_not_take(fit, tmp_path):
    out = str(tmp_path / 'out')
    for change, message in (
        (dict(lmm='texts.jsonl'), "lmm='texts.jsonl'.*asks no LMM"),
        (dict(epochs=3), 'epochs=3.*takes no steps'),
        (
            dict(method='latteplus_tuned', lmm='http://localhost#llava'),
            "method='latteplus_tuned' asks no LMM",
        ),
        (dict(method='latte'), "method='latte': choose from"),
        (dict(classes=[f'kind {i}' for i in range(17)]), 'at most 16 classes'),
    ):
        with pytest.raises(ValueError, match=message):
            adapt(out=out, **{**fit, **change})
    assert not Path(out).exists()


def test_broken_images_are_all_named(choices, images, tmp_path):
    folder = tmp_path / 'images'
    folder.mkdir()
    for path in images.glob('*.jpg'):
        (folder / path.name).write_bytes(path.read_bytes())
    for name in ('a.jpg', 'b.jpg'):
        (folder / name).write_bytes(b'no image')
    with pytest.raises(RuntimeError) as error:
        adapt(out=str(tmp_path / 'out'), **{**choices, 'images': str(folder)})
    assert 'a.jpg' in str(error.value) and 'b.jpg' in str(error.value)


def test_accuracy_where_there_are_labels(
    choices, tiny_eurosat, tmp_path, monkeypatch
):
    encoded = []
    encode = predict_images._encode

    def count(model, batch):
        encoded.append(len(batch['inputs']))
        return encode(model, batch)

    monkeypatch.setattr(predict_images, '_encode', count)
    for source in (tiny_eurosat / '2750').iterdir():
        name = {'Forest': 'forest', 'Highway': 'road', 'SeaLake': 'sea'}
        target = tmp_path / 'test' / name[source.name]
        target.mkdir(parents=True)
        for path in source.glob('*_8.jpg'):
            (target / path.name).write_bytes(path.read_bytes())
    result = adapt(
        out=str(tmp_path / 'out'),
        export=(),
        test=str(tmp_path / 'test'),
        **{**choices, 'epochs': 1},
    )
    summary = json.loads((result.run / 'summary.json').read_text())
    assert round(summary['top1'] * 3 / 100, 6) in (0, 1, 2, 3)
    # The trained tower sees an image once, for report and predictions; the
    # test images are copies.
    assert sum(encoded) == 24


def test_test_folders_are_named_like_classes(choices, images, tmp_path):
    for name in ('annual_crop', 'Sea_Lake'):
        folder = tmp_path / 'test' / name
        folder.mkdir(parents=True)
        shutil.copy(images / 'Forest_1.jpg', folder)
    shown = []
    adapt(
        out=str(tmp_path / 'out'),
        test=str(tmp_path / 'test'),
        dry_run=True,
        show=shown.append,
        **{**choices, 'classes': ['annual_crop', 'sea lake']},
    )
    assert len(shown) == 1


def test_training_must_not_see_the_test_images(choices, images, tmp_path):
    outer, link = images.parent, tmp_path / 'link'
    inner = outer / 'images' / 'labelled'
    inner.mkdir()
    link.symlink_to(inner)
    try:
        for test in (inner, outer, images, link):
            with pytest.raises(ValueError, match='would see test images'):
                adapt(out=str(tmp_path / 'out'), test=str(test), **choices)
    finally:
        inner.rmdir()


def test_senseless_choices_are_refused(choices, tmp_path):
    out = str(tmp_path / 'out')
    for change, message in (
        (dict(clip='ViT-B-32'), 'NAME/TAG'),
        (dict(template='no place'), 'exactly once'),
        (dict(lmm='http://host/v1'), 'name the model'),
        (dict(export=['jpeg']), 'choose from'),
        (dict(classes=['one', 'one']), 'repeats'),
        (dict(epochs=0), 'at least 1'),
        (dict(classes=['one']), 'two or more'),
        (dict(device='tpu'), "'cuda', 'cuda:N' or 'cpu'"),
        (dict(test=str(tmp_path)), 'sub-folder per class'),
    ):
        with pytest.raises(ValueError, match=message):
            adapt(out=out, **{**choices, **change})


def test_the_tool_names_what_is_missing(run_script, images, tmp_path):
    done = run_script(
        REPO / 'tools' / 'adapt.py',
        images,
        *('--classes', 'nothing.txt', '--out', tmp_path / 'out'),
    )
    assert done.returncode == 1
    assert "class file 'nothing.txt' does not exist" in done.stderr
    assert 'Traceback' not in done.stderr


def test_backends_by_name(tmp_path):
    kinds = {
        'llava-hf/llava-1.5-7b-hf': 'mmlatte.TransformersLMM',
        'http://localhost:8000/v1#llava': 'mmlatte.OpenAICompatibleLMM',
        'texts.jsonl': 'mmlatte.TextFile',
    }
    for name, kind in kinds.items():
        assert lmm_settings(name, 'cpu')['type'] == kind
    assert lmm_settings(None, 'cuda')['load_in_4bit']
    server = lmm_settings('http://localhost:8000/v1#llava', 'cpu', 'MY_KEY')
    assert server['api_key_env'] == 'MY_KEY'
    with pytest.raises(ValueError, match='is no server'):
        lmm_settings('org/model', 'cpu', 'MY_KEY')
    assert clip_settings('RN50/openai')['model_name'] == 'RN50'
    question, _ = prompts_for('satellite image')
    assert question.startswith('Describe what the sat')


def test_what_became_of_other_classes_is_in_report_and_card(
    adapted, choices, tiny_eurosat, tmp_path
):
    other = tmp_path / 'other'
    for name in ('Forest', 'SeaLake'):
        shutil.copytree(tiny_eurosat / '2750' / name, other / name)
    out = tmp_path / 'out'
    shutil.copytree(adapted.run.parent, out)
    with pytest.raises(FileNotFoundError, match=r'nowhere.* does not exist'):
        adapt(out=str(out), also_check=str(tmp_path / 'nowhere'), **choices)
    result = adapt(out=str(out), also_check=str(other), **choices)
    found = json.loads((result.run / 'summary.json').read_text())['also_check']
    assert (found['images'], found['classes']) == (16, 2)
    assert 0 <= found['before'] <= 100 and 0 <= found['after'] <= 100
    shown = f'{found["after"]:.2f} %, of the CLIP it started from'
    assert shown in result.report.read_text()
    # Measured once, and again where the folder has changed.
    before = result.report.stat().st_mtime_ns
    adapt(out=str(out), also_check=str(other), **choices)
    assert result.report.stat().st_mtime_ns == before
    (other / 'Forest' / 'Forest_1.jpg').unlink()
    (other / 'Forest' / 'Forest_2.jpg').write_bytes(b'no image')
    adapt(out=str(out), also_check=str(other), **choices)
    summary = json.loads((result.run / 'summary.json').read_text())
    assert summary['also_check']['images'] == 15
    (other / 'sea_lake').mkdir()
    shutil.copy(other / 'SeaLake/SeaLake_1.jpg', other / 'sea_lake')
    (other / 'sea lake').mkdir()
    shutil.copy(other / 'SeaLake/SeaLake_1.jpg', other / 'sea lake')
    with pytest.raises(ValueError, match='are the same tokens'):
        adapt(out=str(out), also_check=str(other), **choices)
