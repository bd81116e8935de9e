"""An LMM as the annotator of ``adapt``, with a tiny CLIP."""

import csv
import importlib
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from mmlatte.apis import adapt, fit
from mmlatte.apis.adapt import AdaptOptions
from mmlatte.apis.adapt.answering.answers_record import RECORD
from mmlatte.lmm import LMMUnavailableError

CLASSES = ['forest', 'highway or road', 'sea or lake']
FOLDERS = dict(zip(['Forest', 'Highway', 'SeaLake'], CLASSES, strict=True))


def read(path):
    with path.open(newline='') as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """24 images, none nearly the same as another."""
    root = tmp_path_factory.mktemp('images')
    random = np.random.default_rng(0)
    for folder in FOLDERS:
        (root / folder).mkdir()
        for i in range(8):
            pixels = random.integers(0, 256, (4, 4, 3)).astype(np.uint8)
            image = Image.fromarray(
                np.kron(pixels, np.ones((16, 16, 1), np.uint8))
            )
            image.save(root / folder / f'{folder}_{i}.png')
    return root


@pytest.fixture(scope='module')
def choices(images, tiny_clip_dir):
    return dict(
        images=str(images),
        classes=CLASSES,
        clip=f'local-dir:{tiny_clip_dir}',
        workers=0,
        export=(),
    )


@pytest.fixture(scope='module')
def said(images, tmp_path_factory):
    """Answers about all images; every fourth is wrong."""
    path = tmp_path_factory.mktemp('said') / 'said.jsonl'
    lines = []
    for i, image in enumerate(sorted(images.rglob('*.png'))):
        name = FOLDERS[image.parent.name]
        if i % 4 == 3:
            name = next(n for n in CLASSES if n != name)
        image_id = str(image.relative_to(images))
        lines.append(
            {
                'sample_id': image_id,
                'kind': 'choice',
                'text': json.dumps({'answer': name, 'confidence': 0.9}),
            }
        )
    path.write_text('\n'.join(map(json.dumps, lines)))
    return path


@pytest.fixture(scope='module')
def run(choices, said, tmp_path_factory):
    out = tmp_path_factory.mktemp('annotated') / 'out'
    asked = dict(annotator='lmm', lmm=str(said), questions=15)
    return out, asked, adapt(out=str(out), **asked, **choices)


def test_an_lmm_answers_in_the_place_of_a_person(run):
    out, _, result = run
    rows = read(out / RECORD)
    assert len(rows) == 15
    assert {row['annotator'] for row in rows} == {'lmm:text-file-said'}
    assert {row['confidence'] for row in rows} == {'0.9'}
    summary = json.loads((result.run / 'summary.json').read_text())
    assert summary['answers'] == {'lmm:text-file-said': 15}
    assert '15 of lmm:text-file-said' in result.report.read_text()
    assert '90%' in (out / 'lmm_answers.html').read_text()


def test_its_answers_are_no_predictions(run):
    # An LMM errs: what the fit says stands in the file.
    rows = read(run[0] / 'predictions.csv')
    assert len(rows) == 24 and not any(r.get('answered_by') for r in rows)


def test_again_it_asks_nothing(run, choices, said, tmp_path):
    out, asked, result = run
    before = result.report.stat().st_mtime_ns
    # Without the file nobody could answer.
    gone = said.rename(tmp_path / said.name)
    try:
        with pytest.raises(LMMUnavailableError):
            adapt(out=str(out), **{**asked, 'questions': 18}, **choices)
    finally:
        gone.rename(said)
    adapt(out=str(out), **asked, **choices)
    assert result.report.stat().st_mtime_ns == before


def test_a_person_is_asked_what_it_is_unsure_of(run, choices):
    out, asked, _ = run
    adapt(out=str(out), ask=8, **asked, **choices)
    questions = [row['image'] for row in read(out / 'questions.csv')]
    lmm = {row['image']: row['class'] for row in read(out / RECORD)}
    wrong = {i for i, c in lmm.items() if FOLDERS[i.split('/')[0]] != c}
    assert wrong and set(questions) & set(lmm)
    image = next(i for i in questions if i in lmm)
    right = FOLDERS[image.split('/')[0]]
    mine = out.parent / 'mine.csv'
    mine.write_text(f'image,class\n{image},{right}\n')
    result = adapt(out=str(out), answers=[str(mine)], **choices)
    [row] = [r for r in read(result.predictions) if r['answered_by']]
    assert row['image'].endswith(image) and row['class'] == right
    summary = json.loads((result.run / 'summary.json').read_text())
    assert summary['answers'] == {'lmm:text-file-said': 15, 'person': 1}


def test_a_notebook_says_what_the_tool_predicts(run, choices, tmp_path):
    out = tmp_path / 'out'
    shutil.copytree(run[0], out)
    some = {k: v for k, v in choices.items() if k != 'export'}
    image = 'Forest/Forest_0.png'
    found = fit(**some, answers={image: 'forest'}, out=str(out))
    [*rows] = read(adapt(out=str(out), **choices).predictions)
    root = choices['images'] + '/'
    said = {r['image'].removeprefix(root): r['class'] for r in rows}
    differ = [i for i in said if said[i] != found.predictions[i]]
    # As prototypes, which the tool predicts by, few labels are others.
    assert len(differ) <= 1 and found.answered[image] == 'person'
    assert {*found.answered.values()} == {'person'}
    lmm = {r['image']: r['class'] for r in read(out / RECORD)}
    kept = [found.predictions[i] == c for i, c in lmm.items()]
    assert not all(kept)
    assert {c.id for c in found.contradicted} <= {*lmm}


def test_what_an_lmm_answered_is_open_to_a_person(
    run, choices, tmp_path, monkeypatch
):
    given = []

    class Server:
        url = ''

        def __init__(self, questions, classes, file, load, **facts):
            given.append(({q.id for q in questions}, {*facts['given']}))

        def serve_forever(self):
            pass

        close = serve_forever

    module = importlib.import_module('mmlatte.apis.adapt.answering.asking')
    monkeypatch.setattr(module, 'AnswerServer', Server)
    out = tmp_path / 'out'
    shutil.copytree(run[0], out)
    for _ in range(2):
        adapt(out=str(out), ask=8, serve=True, **run[1], **choices)
    (first, said), (second, _) = given
    by = {row['image']: row['annotator'] for row in read(out / RECORD)}
    lmm = {image for image, who in by.items() if who.startswith('lmm:')}
    assert first & lmm and said == {*by} - lmm
    assert second == first  # the round is open


def test_the_key_of_a_server_is_that_of_the_annotator(monkeypatch, choices):
    monkeypatch.setenv('MY_KEY', 'secret')
    some = {k: v for k, v in choices.items() if k != 'export'}
    options = AdaptOptions(
        **some,
        method='answers',
        annotator='lmm',
        lmm='http://127.0.0.1:9/v1#a',
        api_key_env='MY_KEY',
    )
    assert options.api_key_env == 'MY_KEY'


def test_the_plan_counts_the_questions(choices, said, tmp_path):
    asked = dict(annotator='lmm', lmm=str(said), dry_run=True)
    plan = adapt(out=str(tmp_path), **asked, **choices).plan
    assert 'answers up to 30 questions' in str(plan)
    plan = adapt(
        out=str(tmp_path), method='latteclip', **asked, **choices
    ).plan
    assert 'up to 48 texts; answers up to 30 questions' in str(plan)
    assert not list(tmp_path.glob('*.html'))


@pytest.mark.parametrize(
    ('wrong', 'words'),
    [
        (dict(annotator='cat'), "annotator='cat'"),
        (dict(questions=3), "name annotator='lmm'"),
        (dict(annotator='lmm', lmm='none'), "lmm='none'"),
        (dict(annotator='lmm', questions=0), 'questions=0'),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        AdaptOptions(
            images='x',
            classes=CLASSES,
            method='answers',
            device='cpu',
            **wrong,
        )
