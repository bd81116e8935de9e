"""Questions and answers in Python, with a tiny CLIP."""

import csv
import re

import pytest

from mmlatte.apis import adapt, ask, fit
from mmlatte.datasets.answers import NONE, SKIP, Answer, Answers, AnswersError

CLASSES = ['forest', 'highway or road', 'sea or lake']


@pytest.fixture(scope='module')
def choices(tiny_eurosat, tiny_clip_dir):
    return dict(
        images=str(tiny_eurosat / '2750'),
        classes=CLASSES,
        clip=f'local-dir:{tiny_clip_dir}',
        workers=0,
    )


@pytest.fixture(scope='module')
def ids(tiny_eurosat):
    root = tiny_eurosat / '2750'
    return sorted(str(p.relative_to(root)) for p in root.rglob('*.jpg'))


@pytest.fixture(scope='module')
def asked(choices, tmp_path_factory):
    return ask(count=2, out=str(tmp_path_factory.mktemp('ask')), **choices)


def read(path):
    with path.open(newline='') as file:
        return list(csv.DictReader(file))


def test_the_questions_are_those_of_the_tool(choices, tmp_path, asked):
    page = adapt(out=str(tmp_path), ask=2, export=(), **choices).questions
    rows = read(page.with_suffix('.csv'))
    assert [row['image'] for row in rows] == asked.ids
    assert [row['guess'] for row in rows] == [a.likely[0] for a in asked]
    assert sum(a.share for a in asked) == pytest.approx(1)


def test_a_notebook_shows_them_escaped(asked):
    image = asked[0]
    assert image.image.size == (64, 64) and len(image.similar) == 6
    image.id, before = '<script>"x"</script>', image.id
    html = asked._repr_html_()
    image.id = before
    assert '<script' not in html and '&lt;script&gt;' in html
    assert len(re.findall('data:image/jpeg', html)) == 2 * 7


def test_one_name_for_each_image(asked):
    assert asked.answered(['a', SKIP]) == dict(
        zip(asked.ids, ['a', SKIP], strict=True)
    )
    with pytest.raises(ValueError, match='1 names for 2 images'):
        asked.answered(['a'])


@pytest.fixture(scope='module')
def given(ids):
    return dict(zip(ids[:4], [*CLASSES, NONE], strict=True))


@pytest.fixture(scope='module')
def found(choices, given, tmp_path_factory):
    out = tmp_path_factory.mktemp('fit')
    return fit(answers=given, out=str(out), **choices)


def test_predictions_of_answered_images_are_the_answers(found, given, ids):
    assert [*found.predictions] == ids
    assert {i: found.predictions[i] for i in given} == given
    assert found.answered == dict.fromkeys(given, 'person')
    assert found.estimate is None  # four answers are too few
    assert '4 answers' in str(found)


@pytest.mark.parametrize('form', ['answers', 'file', 'files'])
def test_every_form_of_the_answers_gives_the_same(
    form, choices, given, found, tmp_path
):
    answers = Answers([Answer(*item) for item in given.items()])
    if form != 'answers':
        path = tmp_path / 'given.csv'
        with path.open('w', newline='') as file:
            csv.writer(file).writerows([('image', 'class'), *given.items()])
        answers = path if form == 'file' else [str(path)]
    again = fit(answers=answers, out=str(tmp_path / 'out'), **choices)
    assert again.predictions == found.predictions
    assert again.contradicted == found.contradicted


def test_the_tool_goes_on_from_there(choices, found, given):
    """The same answers and labels, with report and predictions."""
    result = adapt(out=found.out, export=(), **choices)
    rows = read(result.predictions)
    answered = {
        row['image'].split('/2750/')[1]: row['class']
        for row in rows
        if row['answered_by']
    }
    assert answered == given
    wrong = [r for r in read(result.review) if r['answer']]
    assert [c.id for c in found.contradicted] == [r['image'] for r in wrong]


def test_later_questions_are_others(choices, found, given):
    more = ask(count=2, out=found.out, **choices)
    assert len(more) == 2 and not {*more.ids} & {*given}


def test_what_is_wrong_is_named_by_its_key(choices, tmp_path):
    wrong = {'no.jpg': CLASSES[0], 'Forest_1.jpg': 'Forrest'}
    with pytest.raises(AnswersError) as error:
        fit(answers=wrong, out=str(tmp_path / 'out'), **choices)
    assert "answers['no.jpg']: image 'no.jpg'" in str(error.value)
    assert "did you mean 'forest'" in str(error.value)
    assert not (tmp_path / 'out').exists()


def test_new_classes_are_wished_for(choices, ids, tmp_path):
    answers = {ids[0]: 'harbour', ids[1]: CLASSES[0]}
    with pytest.raises(AnswersError, match='harbour'):
        fit(answers=answers, out=str(tmp_path), **choices)
    found = fit(
        answers=answers, out=str(tmp_path), new_classes=True, **choices
    )
    assert found.classes == [*CLASSES, 'harbour']
    assert found.predictions[ids[0]] == 'harbour'


def test_where_all_is_skipped_that_is_said(choices, ids, tmp_path):
    with pytest.raises(ValueError, match='all skip'):
        fit(answers={ids[0]: SKIP}, out=str(tmp_path), **choices)
    with pytest.raises(ValueError, match='count=0'):
        ask(count=0, out=str(tmp_path), **choices)
