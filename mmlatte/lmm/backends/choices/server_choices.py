"""Closed questions to servers that speak the OpenAI protocol."""

import dataclasses
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .choice import Choice
from .choose_by_text import read_choice
from .letters import LETTERS
from .parse_choice import parse_json

if TYPE_CHECKING:
    from ..base_lmm import Answer, BaseLMM
    from .closed_question import ClosedQuestion

__all__ = ['ServerChoices']

#: From the way that tells most to the one that every server has.
WAYS = ('logprobs', 'schema', 'text')
PLACES = {letter: place for place, letter in enumerate(LETTERS)}


class ServerChoices:
    """Asks a server in the best way that it has.

    Log-probabilities of the letters tell how sure the model is, where the
    text picks the likeliest letter; a JSON schema keeps it to the names; a
    short text is parsed. The first question finds
    out what the server has, with a request for each way that it has not; all
    others cost one request.

    Args:
        lmm (BaseLMM): Sends a request's ``fields`` to the server.
    """

    def __init__(self, lmm: 'BaseLMM') -> None:
        self.lmm = lmm
        self.way: str | None = None

    def ask(
        self, questions: Iterable['ClosedQuestion']
    ) -> Iterator[list[Choice]]:
        """Answer questions, in any order, a few at a time."""
        source = iter(questions)
        while self.way is None:
            question = next(source, None)
            if question is None:
                return
            yield [self._find_way(question)]
        asked = (_by(self.way, question) for question in source)
        for answers in self.lmm.generate(asked):
            yield [_read(answer, self.way) for answer in answers]

    def _find_way(self, question: 'ClosedQuestion') -> Choice:
        for way in WAYS:
            [[answer]] = self.lmm.generate([_by(way, question)])
            choice = _read(answer, way)
            # A text that picks nothing was had all the same; where nothing
            # was had in any way, the image may be to blame.
            if choice.way == way or (way == 'text' and not answer.error):
                self.way = way
                break
        return choice


def _by(way: str, question: 'ClosedQuestion') -> 'ClosedQuestion':
    """Return the question with what the server is to send."""
    fields: dict = {}
    if way == 'logprobs' and question.letters:
        fields = {'logprobs': True, 'top_logprobs': len(LETTERS)}
    if way == 'schema':
        count = len(question.names)
        picks = LETTERS[:count] if question.letters else question.names
        schema = {
            'type': 'object',
            'properties': {'answer': {'type': 'string', 'enum': [*picks]}},
            'required': ['answer'],
            'additionalProperties': False,
        }
        named = {'name': 'answer', 'strict': True, 'schema': schema}
        fields = {
            'response_format': {'type': 'json_schema', 'json_schema': named}
        }
    return dataclasses.replace(question, fields=fields)


def _read(answer: 'Answer', way: str) -> Choice:
    """Return what an answer picks, and by which way it really came."""
    question: ClosedQuestion = answer.request  # type: ignore[assignment]
    choice = read_choice(answer)
    if way == 'logprobs' and question.letters:
        shares = [0.0] * len(question.names)
        for token, value in answer.first_tokens.items():
            place = PLACES.get(token.strip(' \t\n▁Ġ().:*"'), len(shares))
            if place < len(shares):
                shares[place] += math.exp(value)
        total = sum(shares)
        if total > 0:
            found = tuple(share / total for share in shares)
            likeliest = Choice.likeliest(question, found, way)
            # "A river." begins with a letter and picks none.
            if likeliest.position == choice.position:
                return likeliest
    if way == 'schema' and parse_json(answer.text) is not None:
        return read_choice(answer, way)
    return choice
