import math

import pytest
from PIL import Image

from mmlatte.lmm import Answer, ClosedQuestion, OpenAICompatibleLMM
from mmlatte.lmm.backends.choices.server_choices import _read

NAMES = ['forest', 'river', 'beach']


def questions(count=9):
    for i in range(count):
        # Listed in another order every time.
        names = tuple(NAMES[i % 3 :] + NAMES[: i % 3])
        listed = '\n'.join(
            f'{x}. {n}' for x, n in zip('ABC', names, strict=True)
        )
        image = Image.new('RGB', (8, 8), (i // 3, i, 0))
        yield ClosedQuestion(
            f'{i}.png',
            'choice',
            f'Which?\n{listed}\nAnswer with the letter.',
            lambda image=image: image,
            tag=i,
            names=names,
            letters=True,
        )


@pytest.mark.parametrize(
    ('has', 'way', 'refused', 'extra', 'confidence'),
    [
        ('logprobs', 'logprobs', 0, 0, 0.7 / 0.9),
        ('schema', 'schema', 1, 0, None),
        ('text', 'text', 2, 0, None),
        # Fields that are ignored cost a request each, once.
        ('nothing', 'text', 0, 2, None),
    ],
)
def test_every_server_is_asked_as_it_can_be(
    choice_server, has, way, refused, extra, confidence
):
    server = choice_server(NAMES, has)
    lmm = OpenAICompatibleLMM('stand-in', server.url, concurrency=3)
    found = {c.question.tag: c for b in lmm.choose(questions()) for c in b}
    assert [found[i].name for i in range(9)] == [
        NAMES[i // 3] for i in range(9)
    ]
    assert {choice.way for choice in found.values()} == {way}
    assert server.refused == refused
    assert len(server.asked) == 9 + extra
    # It remembers how.
    assert len([c for b in lmm.choose(questions(3)) for c in b]) == 3
    assert (server.refused, len(server.asked)) == (refused, 12 + extra)
    for choice in found.values():
        assert choice.confidence == (confidence and pytest.approx(confidence))


@pytest.mark.parametrize(
    ('text', 'tokens', 'name', 'way', 'confidence'),
    [
        ('B', {'B': 0.6, ' B': 0.2, 'A': 0.2}, 'river', 'logprobs', 0.8),
        # "A" is an article here, and what follows names B.
        ('A river.', {'A': 0.9, 'B': 0.1}, 'river', 'text', None),
        ('A lake.', {'A': 1.0}, '', '', None),
        # "AB" and "NO" are no letters.
        ('B', {'AB': 0.6, 'B': 0.3, 'A': 0.1}, 'river', 'logprobs', 0.75),
        ('NO', {'NO': 1.0}, '', '', None),
    ],
)
def test_a_likely_letter_counts_if_the_text_picks_it(
    text, tokens, name, way, confidence
):
    [question] = questions(1)
    first = {token: math.log(share) for token, share in tokens.items()}
    choice = _read(Answer(question, text, first_tokens=first), 'logprobs')
    assert (choice.name, choice.way) == (name, way)
    assert choice.confidence == (confidence and pytest.approx(confidence))
