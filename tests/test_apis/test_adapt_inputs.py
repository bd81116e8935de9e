"""Lists of classes and images, and test folders, as people have them."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.logging import MMLogger

from mmlatte.apis import adapt
from mmlatte.apis.export.annotations import export_annotations

REPO = Path(__file__).resolve().parents[2]
EXPORT = ['--to', 'onnx', '--out', 'exported']


@pytest.fixture
def images(tiny_eurosat, tmp_path) -> Path:
    folder = tmp_path / 'images'
    folder.mkdir()
    for path in sorted((tiny_eurosat / '2750').rglob('*.jpg')):
        shutil.copy(path, folder)
    return folder


@pytest.fixture
def fit(images, tiny_clip_dir, tmp_path):
    """``fit(**choices)``: LattePlus on the images, without exports."""

    def run(**choices):
        settings = dict(
            images=str(images),
            classes='forest, road, sea',
            clip=f'local-dir:{tiny_clip_dir}',
            method='latteplus',
            out=str(tmp_path / 'out'),
            export=(),
            device='cpu',
            workers=0,
        )
        return adapt(**{**settings, **choices})

    return run


@pytest.fixture
def heard(monkeypatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(MMLogger, 'handle', lambda _, r: lines.append(r.msg))
    return lines


def predicted(result) -> dict[str, str]:
    rows = csv.DictReader(result.predictions.open())
    return {Path(row['image']).name: row['class'] for row in rows}


def test_a_list_gives_the_predictions_of_its_folder(fit, images, tmp_path):
    whole = predicted(fit())
    chosen = sorted(path.name for path in images.iterdir())
    path = tmp_path / 'list.csv'
    rows = [f'{n},images/{name}' for n, name in enumerate(chosen)]
    path.write_text('\n'.join(['id,path', *rows]))
    result = fit(images=str(path), out=str(tmp_path / 'listed'))
    assert predicted(result) == whole


def test_listed_test_images_are_refused(fit, images, tmp_path):
    path = tmp_path / 'list.txt'
    path.write_text('test/forest/1.jpg\nimages/Forest_1.jpg\n')
    (tmp_path / 'test' / 'forest').mkdir(parents=True)
    shutil.copy(images / 'Forest_2.jpg', tmp_path / 'test/forest/1.jpg')
    with pytest.raises(ValueError, match='would see test images'):
        fit(images=str(path), test=str(tmp_path / 'test'))


def test_alternatives_and_descriptions_reach_the_model(fit, tmp_path):
    result = fit(classes='forest | woodland, road, sea')
    model = Config.fromfile(str(result.run.parent / 'config.py')).model
    assert model.class_names == ['forest', 'road', 'sea']
    assert model.prompt_names == dict(forest=['forest', 'woodland'])
    assert {*predicted(result).values()} <= {'forest', 'road', 'sea'}
    said = dict(forest='trees', road=['asphalt', 'lanes'], sea='water')
    path = tmp_path / 'classes.json'
    path.write_text(json.dumps(said))
    result = fit(classes=str(path), out=str(tmp_path / 'described'))
    model = Config.fromfile(str(result.run.parent / 'config.py')).model
    assert model.descriptions['road'] == ['asphalt', 'lanes']
    with pytest.raises(ValueError, match='leave one of them out'):
        fit(classes=str(path), template='a {}.')


def test_questions_see_the_class_texts_of_the_run(fit, tmp_path, heard):
    said = dict(forest='trees', road='asphalt', sea='blue water')
    path = tmp_path / 'classes.json'
    path.write_text(json.dumps(said))
    out, some = tmp_path / 'out', dict(classes=str(path), method='answers')
    fit(**some, ask=3)
    with (out / 'questions.csv').open() as file:
        image, other, _ = [row['image'] for row in csv.DictReader(file)]
    answers = tmp_path / 'answers.csv'
    answers.write_text(f'image,class\n{image},forest\n{other},lake\n')
    result = fit(**some, answers=[str(answers)], new_classes=True)
    model = Config.fromfile(str(out / 'config.py')).model
    assert model.descriptions['lake'] == ['a photo of a lake.']
    assert any("describes the classes ['lake']" in line for line in heard)
    assert predicted(result)[Path(other).name] == 'lake'
    # One file of features and one of labels: those of the run.
    labels = [*(out / 'cache').rglob('labels*')]
    assert len({path.parent for path in labels}) <= 1


def test_the_list_of_unreadable_images_is_no_choice(fit, images, tmp_path):
    own = tmp_path / 'photos'
    shutil.copytree(images, own)
    (own / 'broken.jpg').write_bytes(b'no image')
    some = dict(images=str(own), skip_unreadable=True)
    fit(**some)
    fit(**some, dry_run=True)
    shutil.move(tmp_path / 'out', tmp_path / 'moved')
    fit(**some, out=str(tmp_path / 'moved'))


def test_predictions_of_a_list_are_exported(fit, images, tmp_path):
    path = tmp_path / 'list.txt'
    names = sorted(f'images/{p.name}' for p in images.iterdir())
    path.write_text('\n'.join(names))
    result = fit(images=str(path), out=str(tmp_path / 'listed'))
    export_annotations(
        result.run.parent, ['fiftyone'], str(tmp_path / 'labels')
    )
    assert 'Forest_1.jpg' in ''.join(
        f.read_text() for f in (tmp_path / 'labels').rglob('*.json')
    )


def test_what_clip_cannot_tell_apart_is_refused_before_the_work(fit, tmp_path):
    long = 'very ' * 80
    with pytest.raises(ValueError, match='are the same tokens'):
        fit(classes=[f'{long}old', f'{long}new'])
    with pytest.raises(ValueError, match='no other field'):
        fit(template='a photo of a {}, a type of {label}.')
    assert not (tmp_path / 'out' / 'cache').exists()


@pytest.mark.parametrize('dry_run', [True, False])
def test_test_folders_that_are_not_whole(
    fit, tiny_eurosat, tmp_path, heard, dry_run
):
    """One class is missing, one folder empty, one no class."""
    test = tmp_path / 'test'
    for source, name in (('Forest', 'FOREST'), ('Highway', 'what_else')):
        (test / name).mkdir(parents=True)
        shutil.copy(
            tiny_eurosat / f'2750/{source}/{source}_8.jpg', test / name
        )
    (test / 'road').mkdir()
    result = fit(test=str(test), dry_run=dry_run)
    said = [line for line in heard if line.startswith('test folder')]
    assert [line.split(': ', 1)[1] for line in said] == [
        'left out, no class: what_else',
        'accuracy is that of 1 of 3 classes; no images of road, sea',
    ]
    if not dry_run:
        summary = json.loads((result.run / 'summary.json').read_text())
        assert summary['top1'] in (0.0, 100.0)
        assert {*summary['per_class']} == {'forest', 'road', 'sea'}


def test_test_folders_of_other_classes(fit, tmp_path):
    (tmp_path / 'test' / 'other').mkdir(parents=True)
    with pytest.raises(ValueError, match=r"it has \['other'\]"):
        fit(test=str(tmp_path / 'test'))
    (tmp_path / 'test' / 'sea').mkdir()
    with pytest.raises(ValueError, match='holds no image'):
        fit(test=str(tmp_path / 'test'))


@pytest.mark.parametrize(
    ('tool', 'arguments', 'words'),
    [
        ('adapt.py', ['none', '--classes', 'a,b'], "none' does not exist"),
        ('adapt.py', ['.', '--classes', 'latin.txt'], 'is no UTF-8'),
        ('predict.py', ['none', 'latin.txt'], 'is no UTF-8'),
        ('test.py', ['broken.py', 'none.pth'], 'line 1'),
        ('train.py', ['none.py'], 'none.py'),
        ('model_converters/export.py', [*EXPORT, 'none'], 'none'),
        ('visualization/report.py', ['none'], 'none'),
    ],
)
def test_tools_end_with_one_message(
    run_script, tmp_path, tool, arguments, words
):
    (tmp_path / 'latin.txt').write_bytes('for\xeat\nsea\n'.encode('latin-1'))
    (tmp_path / 'broken.py').write_text('model = [')
    done = run_script(REPO / 'tools' / tool, *arguments, cwd=tmp_path)
    assert done.returncode != 0
    assert 'Traceback' not in done.stderr, done.stderr
    assert words in done.stderr
