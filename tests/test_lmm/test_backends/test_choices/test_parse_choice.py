import pytest

from mmlatte.lmm import Answer, ClosedQuestion
from mmlatte.lmm.backends.choices.choice import Choice
from mmlatte.lmm.backends.choices.choose_by_text import read_choice
from mmlatte.lmm.backends.choices.parse_choice import parse_choice

NAMES = ['forest', 'residential area', 'dense residential area', 'Sea/Lake']


@pytest.mark.parametrize(
    ('text', 'place'),
    [
        ('forest', 0),
        ('It shows a Forest.', 0),
        ('Forests near a town', 0),
        ('a dense residential area', 2),
        ('a residential area', 1),
        ('sea lake', 3),
        ('sea or lake', None),
        ('Forest, with a residential area', 0),
        ('a residential area in a forest', None),
        ('<think>forest? no</think> Residential area', 1),
        ('There is a forest ...</think>\n\nResidential area', 1),
        ('{"answer": "forest"}', 0),
        ('```json\n{"answer": "Sea/Lake"}\n```', 3),
        ('deforestation', None),
        ('', None),
        ('B', None),
    ],
)
def test_names(text, place):
    assert parse_choice(text, NAMES) == place


@pytest.mark.parametrize(
    ('text', 'place'),
    [
        ('B', 1),
        ('(b)', 1),
        ('**C**', 2),
        ('B. residential area', 1),
        ('Answer: D', 3),
        ('Answer: D? It is a forest ...</think>\n\nB', 1),
        ('The correct answer is B.', 1),
        ('{"answer": "C"}', 2),
        ('A forest', 0),
        ('a residential area', 1),
        ('E', None),
        ('I cannot tell', None),
    ],
)
def test_letters(text, place):
    assert parse_choice(text, NAMES, letters=True) == place


def question(**options):
    options = {'names': ('cat', 'dog'), **options}
    return ClosedQuestion('1.jpg', 'choice', 'Which?', lambda: None, **options)


def test_a_stored_choice_is_read_back():
    asked = question()
    choice = Choice.likeliest(asked, (0.25, 0.75), 'likelihood')
    answer = Answer(asked, choice.to_json())
    read = read_choice(answer, 'file', stored=True)
    assert (read.name, read.way, read.confidence) == (
        'dog',
        'likelihood',
        0.75,
    )
    # A model that speaks of its confidence is not believed.
    assert read_choice(answer).confidence is None
    with pytest.raises(ValueError, match=r'1\.jpg: confidence=7'):
        text = '{"answer": "cat", "confidence": 7}'
        read_choice(Answer(asked, text), stored=True)


def test_a_question_needs_names_that_differ():
    with pytest.raises(ValueError, match='each once'):
        question(names=('cat', 'cat'))
    with pytest.raises(ValueError, match='20 letters'):
        question(names=tuple(map(str, range(21))), letters=True)
