"""Questions and answers of ``adapt``, with a tiny CLIP."""

import csv
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmlatte.apis import Inferencer, adapt
from mmlatte.apis.adapt.answering.answers_record import AnswersRecord
from mmlatte.apis.adapt.answering.asking import Asking
from mmlatte.apis.adapt.prepare import open_images
from mmlatte.apis.inference.prediction_file import prediction_rows
from mmlatte.datasets import UnlabeledFolder
from mmlatte.datasets.answers import NONE, SKIP, AnswersError
from mmlatte.fits import FrozenFeatures
from mmlatte.fits.neighbour_graph import nearest_images

REPO = Path(__file__).resolve().parents[2]
CLASSES = ['forest', 'highway or road', 'sea or lake']


@pytest.fixture(scope='module')
def choices(tiny_eurosat, tiny_clip_dir):
    return dict(
        images=str(tiny_eurosat / '2750'),
        classes=CLASSES,
        clip=f'local-dir:{tiny_clip_dir}',
        workers=0,
        export=(),
    )


@pytest.fixture(scope='module')
def ids(tiny_eurosat):
    root = tiny_eurosat / '2750'
    return sorted(str(p.relative_to(root)) for p in root.rglob('*.jpg'))


def write(path, rows):
    with path.open('w', newline='') as file:
        csv.writer(file).writerows([('image', 'class'), *rows])
    return str(path)


def read(path):
    with path.open(newline='') as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope='module')
def rounds(choices, ids, tmp_path_factory):
    """Questions, a fit of three answers, then one of four.

    The images are named as on a command line, from the current folder.
    """
    choices = {**choices, 'images': os.path.relpath(choices['images'])}
    folder = tmp_path_factory.mktemp('answers')
    out = folder / 'out'
    asked = adapt(out=str(out), ask=4, command='go on', **choices)
    first = write(
        folder / 'a.csv', zip(ids[:3], [*CLASSES[:2], NONE], strict=True)
    )
    second = write(folder / 'b.csv', [(ids[5], CLASSES[2])])
    export = {**choices, 'export': ('open_clip',)}
    one = adapt(out=str(out), answers=[first], **export)
    kept = read(one.predictions)
    two = adapt(out=str(out), answers=[second], ask=2, **export)
    return out, asked, kept, two


def test_questions_come_first(rounds, ids):
    out, asked, _, _ = rounds
    assert asked.questions == out / 'questions.html'
    assert asked.predictions is None
    rows = read(out / 'questions.csv')
    assert {row['image'] for row in rows} <= {*ids} and len(rows) == 2
    assert {row['guess'] for row in rows} <= {*CLASSES}


def test_predictions_of_answered_images_are_the_answers(rounds, ids):
    _, _, rows, _ = rounds
    said = {row['image'][-len(i) :]: row for row in rows for i in ids[:3]}
    for name, answer in zip(ids[:3], [*CLASSES[:2], NONE], strict=True):
        assert said[name]['class'] == answer
        assert said[name]['answered_by'] == 'person'
    assert sum(bool(row['answered_by']) for row in rows) == 3


def test_answers_are_counted_everywhere(rounds):
    two = rounds[-1]
    summary = json.loads((two.run / 'summary.json').read_text())
    assert summary['answers'] == {'person': 4}
    assert '4 of person' in two.report.read_text()


def test_nothing_answered_or_computed_is_lost(rounds):
    out, _, kept, _ = rounds
    assert len(read(out / 'all_answers.csv')) == 4
    assert read(out / 'with_3_answers' / 'predictions.csv') == kept
    assert (out / 'with_3_answers' / 'run' / 'summary.json').exists()
    for folder in (out, out / 'with_3_answers'):
        assert (folder / 'exported' / 'open_clip').is_dir()


def test_the_same_answers_again_repeat_nothing(rounds, choices):
    out, _, _, two = rounds
    before = (two.run / 'summary.json').stat().st_mtime_ns
    again = adapt(
        out=str(out), answers=[str(out / 'all_answers.csv')], **choices
    )
    assert (again.run / 'summary.json').stat().st_mtime_ns == before
    assert len(read(out / 'all_answers.csv')) == 4


def test_bad_answers_are_named_before_any_work(choices, ids, tmp_path):
    bad = write(
        tmp_path / 'bad.csv',
        [('no.jpg', 'forest'), (ids[0], 'Forrest'), (ids[1], 'forest')],
    )
    with pytest.raises(AnswersError) as error:
        adapt(out=str(tmp_path / 'out'), answers=[bad], **choices)
    assert 'bad.csv:2' in str(error.value) and 'bad.csv:3' in str(error.value)
    assert not (tmp_path / 'out').exists()


def test_other_methods_refuse_answers(choices, ids, tmp_path):
    file = write(tmp_path / 'a.csv', [(ids[0], 'forest')])
    with pytest.raises(ValueError, match='takes no answers'):
        adapt(
            out=str(tmp_path / 'out'),
            answers=[file],
            method='latteplus',
            **choices,
        )
    assert not (tmp_path / 'out' / 'all_answers.csv').exists()


@pytest.mark.parametrize('method', ['latteclip', 'latteplus_tuned'])
def test_methods_that_train_take_answers(method, choices, ids, tmp_path):
    rows = [(ids[0], CLASSES[1]), (ids[5], NONE), (ids[9], SKIP)]
    more = dict(lmm='none', lr=1e-3) if method == 'latteclip' else {}
    result = adapt(
        out=str(tmp_path / 'out'),
        answers=[write(tmp_path / 'a.csv', rows)],
        method=method,
        epochs=1,
        **more,
        **choices,
    )
    summary = json.loads((result.run / 'summary.json').read_text())
    assert summary['answers'] == {'person': 2}
    assert '2 of person' in result.report.read_text()
    said = {
        row['image'].split('/2750/')[1]: row['class']
        for row in read(result.predictions)
        if row['answered_by']
    }
    assert said == {ids[0]: CLASSES[1], ids[5]: NONE}
    assert result.review.exists()


def test_without_answers_there_is_nothing_to_fit(choices, tmp_path):
    with pytest.raises(ValueError, match='there are no answers yet'):
        adapt(out=str(tmp_path / 'out'), method='answers', **choices)


def test_a_new_class_of_the_page_is_a_class_from_then_on(
    choices, ids, tmp_path
):
    root = choices['images']
    dataset = UnlabeledFolder(root, classes=CLASSES, pipeline=[])
    record = AnswersRecord(tmp_path, root, dataset, CLASSES)
    file = write(tmp_path / 'a.csv', [(ids[0], 'harbour'), (ids[1], SKIP)])
    with pytest.raises(AnswersError, match='harbour'):
        record.take([file])
    record.take([file], new_classes=True)
    assert record.classes == [*CLASSES, 'harbour']
    assert record.used == 1
    again = AnswersRecord(tmp_path, root, dataset, CLASSES)
    assert again.classes == [*CLASSES, 'harbour']


@pytest.fixture
def record(choices, tmp_path):
    """Makes the record of a folder anew, as every call of adapt does."""
    root = choices['images']
    dataset = UnlabeledFolder(root, classes=CLASSES, pipeline=[])
    return lambda: AnswersRecord(tmp_path / 'out', root, dataset, CLASSES)


@pytest.fixture
def told(monkeypatch):
    """What was logged, one text after the other."""
    texts = []
    for module in ('answering.answers_record', 'config'):
        monkeypatch.setattr(
            importlib.import_module(f'mmlatte.apis.adapt.{module}'),
            'print_log',
            lambda text, *_, **__: texts.append(text),
        )
    return texts


def dated(path, image, name, day):
    path.write_text(f'image,class,when\n{image},{name},2026-01-{day}\n')
    return str(path)


@pytest.mark.parametrize('turn', [1, -1])
def test_the_newer_of_two_answers_counts(record, ids, tmp_path, turn):
    files = [
        dated(tmp_path / 'old.csv', ids[0], 'forest', '01T10:00:00Z'),
        dated(tmp_path / 'new.csv', ids[0], CLASSES[2], '01T10:00:01Z'),
    ][::turn]
    together = record()
    together.take(files, keep=False)
    assert together.given()[ids[0]] == (CLASSES[2], 'person')
    for file in files:
        record().take([file])
        record().take([file])
    assert record().given()[ids[0]] == (CLASSES[2], 'person')
    before = record().path.read_bytes()
    record().take(files[::-1])
    assert record().path.read_bytes() == before


def test_without_times_the_order_decides_and_is_told(
    record, ids, tmp_path, told
):
    files = [
        write(tmp_path / f'{name}.csv', [(ids[0], name)])
        for name in CLASSES[::2]
    ]
    record().take(files)
    assert record().given()[ids[0]] == (CLASSES[2], 'person')
    assert '1 answers replace another' in told[1] and repr(ids[0]) in told[1]
    record().take(files[::-1])
    assert record().given()[ids[0]] == ('forest', 'person')
    before = record().path.read_bytes()
    record().take(files[:1])
    assert record().path.read_bytes() == before


def test_an_older_answer_is_left_out_and_that_is_told(
    record, ids, tmp_path, told
):
    record().take([write(tmp_path / 'a.csv', [(ids[0], 'forest')])])
    old = dated(tmp_path / 'b.csv', ids[0], CLASSES[2], '01')
    record().take([old])  # those of a.csv are of today
    assert record().given()[ids[0]] == ('forest', 'person')
    assert 'said something else later' in told[-1]


def test_a_wrong_time_is_named(record, ids, tmp_path):
    file = dated(tmp_path / 'a.csv', ids[0], 'forest', 'yesterday')
    with pytest.raises(AnswersError, match=r"a\.csv:2: time '2026-01-yest"):
        record().take([file])


def test_a_class_that_left_the_list_is_named(
    choices, ids, record, tmp_path, told
):
    record().take([write(tmp_path / 'a.csv', [(ids[0], CLASSES[1])])])
    root, rest = choices['images'], [CLASSES[0], CLASSES[2]]
    dataset = UnlabeledFolder(root, classes=rest, pipeline=[])
    again = AnswersRecord(tmp_path / 'out', root, dataset, rest)
    assert again.added == [CLASSES[1]]
    assert again.classes == [*rest, CLASSES[1]]
    assert f'{CLASSES[1]!r} (1)' in told[-1]


def test_a_test_folder_may_lack_a_class_that_answers_added(
    choices, ids, tmp_path, told
):
    test = tmp_path / 'test'
    for name in CLASSES:
        (test / name.replace(' ', '_')).mkdir(parents=True)
        Image.new('RGB', (8, 8)).save(test / name.replace(' ', '_') / '1.png')
    file = write(tmp_path / 'a.csv', [(ids[0], 'harbour'), (ids[9], 'forest')])
    same = dict(answers=[file], new_classes=True, test=str(test), **choices)
    result = adapt(out=str(tmp_path / 'out'), **same)
    summary = json.loads((result.run / 'summary.json').read_text())
    assert summary['top1'] is not None
    assert any('no images of harbour' in text for text in told)


def test_a_served_round_goes_on_until_all_is_answered(
    choices, record, tmp_path, monkeypatch
):
    served = []

    class Server:
        url = ''

        def __init__(self, questions, classes, file, load, given, **_):
            served.append([q.id for q in questions])
            left = [i for i in served[-1] if i not in given]
            file.put(left[0], SKIP)  # then Ctrl-C

        def serve_forever(self):
            pass

        close = serve_forever

    monkeypatch.setattr(
        importlib.import_module('mmlatte.apis.adapt.answering.asking'),
        'AnswerServer',
        Server,
    )
    some = {k: v for k, v in choices.items() if k != 'export'}
    images, classes = some.pop('images'), some.pop('classes')
    for _ in range(3):
        opened = open_images(images, classes, tmp_path / 'out', some)
        options = opened.options({**some, 'method': 'answers'})
        Asking.about(opened, options).serve(2, '')
    assert len(served[0]) == 2 and served[0] == served[1]
    assert not {*served[0]} & {*chain(*served[2:])}


def test_a_new_class_has_one_spelling_in_all_files(record, ids, tmp_path):
    files = [
        write(tmp_path / f'{i}.csv', [(ids[i], name)])
        for i, name in enumerate(('harbour', 'Harbour'))
    ]
    with pytest.raises(AnswersError, match="did you mean 'harbour'"):
        record().take(files, new_classes=True)
    assert not record().path.exists()


def test_another_confidence_is_another_answer(record, ids, tmp_path):
    for confidence in (0.5, 0.9):
        path = tmp_path / 'a.csv'
        path.write_text(
            f'image,class,confidence\n{ids[0]},forest,{confidence}\n'
        )
        record().take([str(path)])
    assert [a.confidence for a in record().answers] == [0.9]


def test_of_two_annotators_the_one_that_the_fit_takes_counts(
    record, ids, tmp_path
):
    path = tmp_path / 'a.csv'
    path.write_text(
        'image,class,confidence,annotator\n'
        f'{ids[0]},forest,1,alice\n{ids[0]},{CLASSES[2]},0.4,lmm\n'
        f'{ids[1]},{NONE},1,alice\n{ids[1]},{SKIP},1,lmm\n'
        f'{ids[2]},forest,0,lmm\n'
    )
    record().take([str(path)])
    assert record().given() == {
        ids[0]: ('forest', 'alice'),
        ids[1]: (NONE, 'alice'),
    }
    assert record().used == 3


def test_answers_of_nobody_stay_those_of_a_person(record, ids, tmp_path):
    (tmp_path / 'out').mkdir()
    write(tmp_path / 'out' / 'all_answers.csv', [(ids[0], 'forest')])
    other = tmp_path / 'lmm.jsonl'
    other.write_text(json.dumps({'image': ids[1], 'class': 'forest'}))
    record().take([str(other)])
    assert record().given() == {
        ids[0]: ('forest', 'person'),
        ids[1]: ('forest', 'lmm.jsonl'),
    }


def test_a_dry_run_plans_the_fit_with_more_answers(
    rounds, choices, ids, tmp_path
):
    out, *_ = rounds

    def times():
        files = out.rglob('*')
        return {p: p.stat().st_mtime_ns for p in files if p.suffix != '.log'}

    before = times()
    file = write(tmp_path / 'a.csv', [(ids[6], 'harbour')])
    planned = adapt(
        out=str(out),
        answers=[file],
        new_classes=True,
        dry_run=True,
        **choices,
    )
    assert planned.plan.classes == [*CLASSES, 'harbour']
    assert times() == before
    same = adapt(out=str(out), dry_run=True, **choices)
    assert same.plan is None


def test_the_estimate_outlives_an_interruption(choices, ids, tmp_path):
    names = dict(zip(('F', 'H', 'S'), CLASSES, strict=True))
    file = write(tmp_path / 'a.csv', [(i, names[i[0]]) for i in ids])
    result = adapt(out=str(tmp_path / 'out'), answers=[file], **choices)
    path = result.run / 'summary.json'
    estimate = json.loads(path.read_text())['estimated_top1']
    path.unlink()  # killed between the checkpoint and the summary
    adapt(out=str(tmp_path / 'out'), **choices)
    assert json.loads(path.read_text())['estimated_top1'] == estimate
    assert estimate is not None


def test_a_method_without_answers_predicts_without_them(
    record, choices, ids, tmp_path
):
    record().take([write(tmp_path / 'a.csv', [(ids[0], 'forest')])])
    result = adapt(out=str(tmp_path / 'out'), method='latteplus', **choices)
    assert 'answered_by' not in read(result.predictions)[0]
    assert (
        json.loads((result.run / 'summary.json').read_text())['answers'] == {}
    )


def test_a_question_or_more(choices, tmp_path):
    with pytest.raises(ValueError, match='ask=0: ask one question or more'):
        adapt(out=str(tmp_path / 'out'), ask=0, **choices)


def test_where_all_is_answered_the_fit_goes_on(choices, ids, tmp_path):
    file = write(tmp_path / 'a.csv', [(name, 'forest') for name in ids])
    result = adapt(out=str(tmp_path / 'out'), answers=[file], ask=3, **choices)
    assert result.questions is None
    assert {row['class'] for row in read(result.predictions)} == {'forest'}
    result = adapt(out=str(tmp_path / 'out'), serve=True, **choices)
    assert result.predictions.exists()


@pytest.mark.parametrize('chunk', [3, 8192])
def test_nearest_images_equal_a_full_sort(chunk, monkeypatch):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(20, 5)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    frozen = FrozenFeatures(x, np.zeros(20, int), np.zeros(20), x[:2])
    whole = FrozenFeatures.chunks
    monkeypatch.setattr(
        FrozenFeatures, 'chunks', lambda self: whole(self, chunk)
    )
    found = nearest_images(frozen, [4, 17], 6)
    for row, near in zip([4, 17], found, strict=True):
        cosines = x @ x[row]
        cosines[row] = -2
        assert near.tolist() == np.argsort(-cosines)[:6].tolist()


def test_served_answers_are_used(choices, tmp_path):
    """The real tool: two answers, Ctrl-C, and it goes on with them."""
    names = tmp_path / 'classes.txt'
    names.write_text('\n'.join(CLASSES))
    out = tmp_path / 'out'
    process = subprocess.Popen(
        [
            *(sys.executable, str(REPO / 'tools' / 'adapt.py')),
            *(choices['images'], '--classes', str(names)),
            *('--clip', choices['clip'], '--workers', '0', '--export'),
            *('--out', str(out), '--ask', '2', '--serve'),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, 'PYTHONUNBUFFERED': '1'},
    )
    try:
        for line in process.stdout:
            if found := re.search(r'http://127\.0\.0\.1:\d+/\S+/', line):
                break
        else:
            pytest.fail('no address was shown')
        url = found.group()
        origin = url[: url.index('/', 8)]
        with urllib.request.urlopen(url) as reply:
            text = reply.read().decode()
        # The answers are where the next command looks for them.
        command = re.search(r'"command":"([^"]*)"', text).group(1)
        assert command.endswith(f'--out {out}')
        for question in (0, 1):
            request = urllib.request.Request(
                f'{url}answer',
                json.dumps({'question': question, 'class': 'forest'}).encode(),
                {'Content-Type': 'application/json', 'Origin': origin},
            )
            with urllib.request.urlopen(request) as reply:
                told = json.load(reply)
        assert told['estimate'].startswith('2 answers')
        assert len(read(out / 'all_answers.csv')) == 2
        process.send_signal(signal.SIGINT)
        log, _ = process.communicate(timeout=240)
    finally:
        process.kill()
    assert process.returncode == 0, log
    rows = read(out / 'predictions.csv')
    assert sum(row['answered_by'] == 'person' for row in rows) == 2


@pytest.fixture(scope='module')
def outside(choices, ids, tmp_path_factory):
    """A fit of answers some of which say that it is none of the classes."""
    folder = tmp_path_factory.mktemp('none')
    names = {'F': CLASSES[0], 'H': CLASSES[1], 'S': NONE}
    answers = [(i, names[i[0]]) for i in ids[::2]]
    file = write(folder / 'a.csv', answers)
    out = str(folder / 'out')
    return adapt(out=out, answers=[file], **choices), dict(answers)


def test_predictions_tell_how_probable_none_of_the_classes_is(outside):
    result, answers = outside
    rows = {
        row['image'].split('/2750/')[1]: row
        for row in read(result.predictions)
    }
    for image, row in rows.items():
        none = float(row['none'])
        if image in answers:
            assert none == (answers[image] == NONE)
        else:
            assert 0 < none < 1 and row['class'] != NONE


def test_the_same_from_the_tool_and_in_python(
    outside, choices, tmp_path, run_script
):
    result, _ = outside
    before = read(result.predictions)
    kept = {r['image']: r['none'] for r in before if not r['answered_by']}
    paths = [*kept]
    found = Inferencer(str(result.run))(paths)
    assert [f'{r["none_probability"]:.4f}' for r in found] == [
        f'{float(none):.4f}' for none in kept.values()
    ]
    # Between the second and the third largest.
    level = 1 - sum(sorted(map(float, kept.values()))[-3:-1]) / 2
    file = tmp_path / 'p.csv'
    done = run_script(
        *(REPO / 'tools' / 'predict.py', str(result.run), *paths),
        *('--none-below', str(level), '--out', str(file), '--workers', '0'),
    )
    assert done.returncode == 0, done.stderr
    rows = read(file)
    for row in rows:
        outside_ = 1 - float(row['none']) < level
        assert (row['class'] == NONE) == outside_
        if outside_:
            assert row['confidence'] == row['none']
    assert 0 < sum(row['class'] == NONE for row in rows) < len(rows)
    again = adapt(out=str(result.run.parent), none_below=level, **choices)
    assert [
        row['class']
        for row in read(again.predictions)
        if not row['answered_by']
    ] == [row['class'] for row in rows]
    # It holds for the one call.
    plain = adapt(out=str(result.run.parent), **choices)
    assert not any(
        row['class'] == NONE and not row['answered_by']
        for row in read(plain.predictions)
    )
    with pytest.raises(ValueError, match='give a number from 0 to 1'):
        [*prediction_rows(Inferencer(str(result.run)), paths, 1, none_below=2)]


def test_with_other_classes_none_of_these_is_not_told(outside):
    inferencer = Inferencer(str(outside[0].run), classes=CLASSES[:2])
    assert not inferencer.tells_none
    with pytest.raises(ValueError, match='nothing tells how probable'):
        [*prediction_rows(inferencer, [], 1, none_below=0.5)]


def test_without_such_answers_the_column_is_absent(
    rounds, choices, ids, tmp_path
):
    two = rounds[-1]
    assert 'none' not in read(two.predictions)[0]
    file = write(tmp_path / 'a.csv', [(ids[0], NONE), (ids[1], CLASSES[0])])
    with pytest.raises(ValueError, match='1 images are answered with'):
        adapt(
            out=str(tmp_path / 'out'),
            answers=[file],
            none_below=0.5,
            **choices,
        )
    assert not (tmp_path / 'out' / 'run').exists()
